fn main() {
    println!("compiled at {}", compile_time::datetime_str!());
}
