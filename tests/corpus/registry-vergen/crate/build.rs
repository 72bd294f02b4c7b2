fn main() {
    let mut builder = vergen::EmitBuilder::builder();
    builder.sysinfo_user().emit().expect("the machine tells of itself");
}
