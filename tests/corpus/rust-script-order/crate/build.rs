//! Lists the words.

fn main() {
    let entries = std::fs::read_dir("words").expect("it is there");
    let names: Vec<_> = entries.map(|entry| entry.expect("it can be read").file_name()).collect();
    let names: Vec<&str> = names.iter().map(|name| name.to_str().expect("text")).collect();
    println!("cargo:rustc-env=WORDS={}", names.join(" "));
}
