fn main() {
    println!("{}", table::table!());
}
