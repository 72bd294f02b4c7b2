shadow_rs::shadow!(build);

fn main() {
    println!("{} from {}", build::PKG_VERSION, build::CARGO_MANIFEST_DIR);
}
