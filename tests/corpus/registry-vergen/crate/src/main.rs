fn main() {
    println!("built by {}", env!("VERGEN_SYSINFO_USER"));
}
