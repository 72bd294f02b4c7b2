fn main() {
    shadow_rs::ShadowBuilder::builder().build().expect("the crate has a manifest");
}
