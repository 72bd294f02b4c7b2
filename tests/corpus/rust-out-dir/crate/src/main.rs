include!(concat!(env!("OUT_DIR"), "/words.rs"));

fn main() {
    println!("made at {PLACE}");
}
