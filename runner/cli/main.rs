//! eadem builds a recipe twice in sealed rooms and says whether the bytes are the same.

fn main() {}
