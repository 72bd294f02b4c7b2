fn main() {
    println!("{}", env!("TABLES"));
}
