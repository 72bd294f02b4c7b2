static BUILT: u64 = now::now!();

fn main() {
    println!("{}", std::hint::black_box(BUILT));
}
