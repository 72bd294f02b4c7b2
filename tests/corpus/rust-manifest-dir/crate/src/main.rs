fn main() {
    println!("data lies in {}/data", env!("CARGO_MANIFEST_DIR"));
}
