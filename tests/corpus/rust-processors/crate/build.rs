//! Chooses how many tables there are.

fn main() {
    let n = std::thread::available_parallelism().expect("known").get();
    println!("cargo:rustc-env=TABLES=tables: {n}, each of 64 words");
}
