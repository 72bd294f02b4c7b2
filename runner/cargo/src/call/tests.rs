//! The samples were caught from cargo while it built the recipe hexyl.

use super::*;

const SCRIPT: &[&str] = &[
    "--crate-name",
    "build_script_build",
    "--edition=2021",
    "/build/cargo/vendor/proc-macro2-1.0.89/build.rs",
    "--error-format=json",
    "--json=diagnostic-rendered-ansi,artifacts,future-incompat",
    "--crate-type",
    "bin",
    "--emit=dep-info,link",
    "-C",
    "embed-bitcode=no",
    "-C",
    "debug-assertions=off",
    "--cfg",
    r#"feature="default""#,
    "--cfg",
    r#"feature="proc-macro""#,
    "--check-cfg",
    "cfg(docsrs,test)",
    "--check-cfg",
    r#"cfg(feature, values("default", "nightly", "proc-macro", "span-locations"))"#,
    "-C",
    "metadata=d5c32b30c2281027",
    "-C",
    "extra-filename=-8b7ca80c7baf764b",
    "--out-dir",
    "/build/target/release/build/proc-macro2-8b7ca80c7baf764b",
    "-C",
    "strip=debuginfo",
    "-L",
    "dependency=/build/target/release/deps",
    "--cap-lints",
    "allow",
];
const MACRO: &[&str] = &[
    "--crate-name",
    "thiserror_impl",
    "--edition=2021",
    "/build/cargo/vendor/thiserror-impl-1.0.65/src/lib.rs",
    "--error-format=json",
    "--json=diagnostic-rendered-ansi,artifacts,future-incompat",
    "--crate-type",
    "proc-macro",
    "--emit=dep-info,link",
    "-C",
    "prefer-dynamic",
    "-C",
    "embed-bitcode=no",
    "-C",
    "debug-assertions=off",
    "--check-cfg",
    "cfg(docsrs,test)",
    "--check-cfg",
    "cfg(feature, values())",
    "-C",
    "metadata=de33a9e55a1154ef",
    "-C",
    "extra-filename=-38578e2eedccd104",
    "--out-dir",
    "/build/target/release/deps",
    "-C",
    "strip=debuginfo",
    "-L",
    "dependency=/build/target/release/deps",
    "--extern",
    "proc_macro2=/build/target/release/deps/libproc_macro2-4dd27d095788b740.rlib",
    "--extern",
    "quote=/build/target/release/deps/libquote-df38919d97f555ac.rlib",
    "--extern",
    "syn=/build/target/release/deps/libsyn-62588a55f1b806f2.rlib",
    "--extern",
    "proc_macro",
    "--cap-lints",
    "allow",
];
const PROGRAM: &[&str] = &[
    "--crate-name",
    "hexyl",
    "--edition=2021",
    "src/main.rs",
    "--error-format=json",
    "--json=diagnostic-rendered-ansi,artifacts,future-incompat",
    "--crate-type",
    "bin",
    "--emit=dep-info,link",
    "-C",
    "opt-level=3",
    "-C",
    "lto",
    "-C",
    "codegen-units=1",
    "--check-cfg",
    "cfg(docsrs,test)",
    "--check-cfg",
    "cfg(feature, values())",
    "-C",
    "metadata=f5e3fb569eb78664",
    "-C",
    "extra-filename=-0719c358c862f5da",
    "--out-dir",
    "/build/target/release/deps",
    "-C",
    "strip=debuginfo",
    "-L",
    "dependency=/build/target/release/deps",
    "--extern",
    "anyhow=/build/target/release/deps/libanyhow-dae1d2ef3593e61a.rlib",
    "--extern",
    "clap=/build/target/release/deps/libclap-954d91bec7ba52a2.rlib",
    "--extern",
    "const_format=/build/target/release/deps/libconst_format-1157c9c5be1f0014.rlib",
    "--extern",
    "hexyl=/build/target/release/deps/libhexyl-e8c2f71325512ce2.rlib",
    "--extern",
    "libc=/build/target/release/deps/liblibc-b0400f2a655ad390.rlib",
    "--extern",
    "owo_colors=/build/target/release/deps/libowo_colors-7a4da8426c80bb6b.rlib",
    "--extern",
    "supports_color=/build/target/release/deps/libsupports_color-fc1971021f344f60.rlib",
    "--extern",
    "terminal_size=/build/target/release/deps/libterminal_size-b65a50c32d741820.rlib",
    "--extern",
    "thiserror=/build/target/release/deps/libthiserror-6d98dca995258221.rlib",
];
const QUESTION: &[&str] = &[
    "-",
    "--crate-name",
    "___",
    "--print=file-names",
    "--crate-type",
    "bin",
    "--crate-type",
    "rlib",
    "--crate-type",
    "dylib",
    "--crate-type",
    "cdylib",
    "--crate-type",
    "staticlib",
    "--crate-type",
    "proc-macro",
    "--print=sysroot",
    "--print=split-debuginfo",
    "--print=crate-name",
    "--print=cfg",
    "-Wwarnings",
];
const LIBRARY: &[&str] = &[
    "--crate-name",
    "quote",
    "--edition=2018",
    "/build/cargo/vendor/quote-1.0.37/src/lib.rs",
    "--error-format=json",
    "--json=diagnostic-rendered-ansi,artifacts,future-incompat",
    "--crate-type",
    "lib",
    "--emit=dep-info,metadata,link",
    "-C",
    "embed-bitcode=no",
    "-C",
    "debug-assertions=off",
    "--cfg",
    r#"feature="default""#,
    "--cfg",
    r#"feature="proc-macro""#,
    "--check-cfg",
    "cfg(docsrs,test)",
    "--check-cfg",
    r#"cfg(feature, values("default", "proc-macro"))"#,
    "-C",
    "metadata=19967ce918a0170d",
    "-C",
    "extra-filename=-df38919d97f555ac",
    "--out-dir",
    "/build/target/release/deps",
    "-C",
    "strip=debuginfo",
    "-L",
    "dependency=/build/target/release/deps",
    "--extern",
    "proc_macro2=/build/target/release/deps/libproc_macro2-4dd27d095788b740.rmeta",
    "--cap-lints",
    "allow",
];

fn read(words: &[&str]) -> Call {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    Call::read(&words).expect("cargo wrote it")
}

#[test]
fn the_calls_of_a_real_build_are_told_apart() {
    let kinds =
        [SCRIPT, MACRO, PROGRAM, QUESTION, LIBRARY, &["-vV"], &["--version"]].map(|words| read(words).kind());
    use UnitKind::{Compile, CompileScript, Query};
    assert_eq!(kinds, [CompileScript, Compile, Compile, Query, Compile, Query, Query]);
}

#[test]
fn a_library_is_checked_against_what_describes_others_and_a_program_is_linked_with_them() {
    let (library, program, macros) = (read(LIBRARY), read(PROGRAM), read(MACRO));
    assert!(library.externs.iter().all(|path| path.ends_with(".rmeta")) && !library.is_link());
    assert!(program.is_link() && !program.is_proc_macro() && program.externs.len() == 9);
    assert!(macros.is_link() && macros.is_proc_macro());
    // The compiler's own crate has no path.
    assert_eq!(macros.externs.len(), 3);
}

#[test]
fn names_and_places_are_read_as_cargo_wrote_them() {
    let script = read(SCRIPT);
    assert_eq!(script.crate_name.as_deref(), Some("build_script_build"));
    let dir = script.out_dir.expect("it has one");
    assert!(dir.starts_with("/build/target/release/build/proc-macro2-"), "{dir}");
    let extra = script.extra_filename.expect("it has one");
    assert!(dir.ends_with(&extra), "{extra}");
    assert_eq!(
        (script.crate_types, script.emit),
        (vec!["bin".into()], vec!["dep-info".into(), "link".into()])
    );
    assert_eq!(script.search, ["/build/target/release/deps"]);
}

#[test]
fn both_ways_of_writing_an_option_mean_the_same() {
    let apart = [
        "--crate-name",
        "a",
        "--extern",
        "noprelude:b=/x/b.rlib",
        "-L",
        "native=/x",
        "-C",
        "extra-filename=-1",
    ];
    let joined = ["--crate-name=a", "--extern=noprelude:b=/x/b.rlib", "-Lnative=/x", "-Cextra-filename=-1"];
    assert_eq!(read(&apart), read(&joined));
    assert_eq!(read(&apart).externs, ["/x/b.rlib"]);
    assert_eq!(read(&["-L", "/plain"]).search, ["/plain"]);
}

#[test]
fn an_option_at_the_end_that_lacks_its_value_is_refused() {
    assert!(
        Call::read(&["--out-dir".to_owned()])
            .expect_err("a value is missing")
            .to_string()
            .contains("--out-dir")
    );
}

#[test]
fn a_program_that_is_called_like_a_build_script_is_none() {
    let kind =
        |dir: &str| read(&["--crate-name", "build_script_a", "--crate-type", "bin", "--out-dir", dir]).kind();
    assert_eq!(kind("/build/target/release/build/a-0123456789abcdef"), UnitKind::CompileScript);
    assert_eq!(kind("/build/target/release/build/deps-0123456789abcdef"), UnitKind::CompileScript);
    assert_eq!(kind("/build/target/release/deps"), UnitKind::Compile);
    assert_eq!(kind("/build/target/release/examples"), UnitKind::Compile);
}

#[test]
fn a_value_that_looks_like_an_option_is_none() {
    let call =
        read(&["--crate-name", "a", "-l", "-L/x", "--cfg", "--out-dir=/y", "--check-cfg", "--extern=b=/z"]);
    assert_eq!(call, Call { crate_name: Some("a".into()), ..Call::default() });
}
