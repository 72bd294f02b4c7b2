fn main() {
    println!("rust-version {}", env!("VERSION_LINE"));
}
