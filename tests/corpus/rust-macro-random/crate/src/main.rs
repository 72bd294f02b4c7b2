static SEED: [u8; 16] = seed::seed!();

fn main() {
    println!("{:?}", std::hint::black_box(&SEED));
}
