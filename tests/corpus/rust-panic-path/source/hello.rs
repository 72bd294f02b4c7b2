fn main() {
    let number = std::env::args().count();
    println!("{}", [1, 2, 3][number]);
}
