fn main() {
    println!("built at {}", build_time::build_time_utc!());
}
