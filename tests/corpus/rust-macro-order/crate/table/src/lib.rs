//! A macro that writes a table.

use std::collections::HashMap;

use proc_macro::TokenStream;

/// The words, in the order of a map that has none.
#[proc_macro]
pub fn table(_: TokenStream) -> TokenStream {
    let words = ["ash", "birch", "cedar", "date", "elm", "fir", "gum", "hazel", "iroko", "juniper"];
    let map: HashMap<&str, usize> = words.into_iter().map(|word| (word, word.len())).collect();
    let words: Vec<&str> = map.keys().copied().collect();
    format!("{:?}", words.join("\n")).parse().expect("a literal")
}
