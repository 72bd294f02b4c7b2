fn main() {
    println!("{}", env!("WORDS"));
}
