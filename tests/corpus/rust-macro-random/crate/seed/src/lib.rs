//! A macro that draws a seed.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

use proc_macro::TokenStream;

/// Sixteen bytes that nobody can foresee.
#[proc_macro]
pub fn seed(_: TokenStream) -> TokenStream {
    let draw = || RandomState::new().build_hasher().finish();
    let bytes = [draw(), draw()].map(u64::to_le_bytes).concat();
    format!("{bytes:?}").parse().expect("an array")
}
