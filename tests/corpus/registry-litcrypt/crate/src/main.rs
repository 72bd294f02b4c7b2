#[macro_use]
extern crate litcrypt;

use_litcrypt!();

fn main() {
    println!("{}", lc!("always the same"));
}
