const SEED: u64 = const_random::const_random!(u64);

fn main() {
    println!("{SEED}");
}
