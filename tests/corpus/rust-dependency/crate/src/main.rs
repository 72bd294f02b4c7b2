fn main() {
    println!("built on {}", stamp::host());
}
