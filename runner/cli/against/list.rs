//! Lists of digests, as the programs of others write them.

use eadem_model::Digest;

/// How a clear-signed text begins, where its signature begins, and its end.
const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";
/// Digests of other kinds, by how many hexadecimal digits they have.
const OTHERS: [(usize, &str); 5] =
    [(32, "MD5"), (40, "SHA-1"), (56, "SHA-224"), (96, "SHA-384"), (128, "SHA-512 or BLAKE2b")];

/// What a list says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) entries: Vec<Entry>,
    /// Whether it is signed: nobody has looked whether the signature is true.
    pub(super) is_signed: bool,
}

/// A digest, and the file that it is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) digest: Digest,
    /// None if the line holds the digest alone.
    pub(super) name: Option<String>,
}

/// What is wrong with a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// What it says.
    pub(super) said: String,
    pub(super) why: String,
}

type Line<'a> = (usize, &'a str);

/// Reads a list.
pub(super) fn read(text: &str) -> Result<List, Fault> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end_matches('\r')));
    let lines: Vec<Line<'_>> = lines.collect();
    let is_signed = is_signed(text);
    let lines = if is_signed { signed(&lines)? } else { lines };
    let said = lines.into_iter().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let entries = said.filter(|(_, line)| !is_of_another_kind(line)).map(entry).collect::<Result<_, _>>()?;
    Ok(List { entries, is_signed })
}

/// Whether a text begins like a list: with a digest and a name, or signed and with such a line anywhere.
pub(super) fn begins_like_one(text: &str) -> bool {
    let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
    let is_entry = |line: &str| entry((1, line)).is_ok_and(|entry| entry.name.is_some());
    if is_signed(text) {
        return lines.any(is_entry);
    }
    lines.find(|line| !line.trim().is_empty() && !line.starts_with('#')).is_some_and(is_entry)
}

fn is_signed(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.trim_end() == SIGNED)
}

/// The lines that a signature is of. What stands outside is anybody's, so there may be nothing.
fn signed<'a>(lines: &[Line<'a>]) -> Result<Vec<Line<'a>>, Fault> {
    let last = *lines.last().unwrap_or(&(1, ""));
    let find = |wanted: &str| lines.iter().position(|(_, line)| line.trim_end() == wanted);
    let cut = || fault(last, "the signed text is cut: it has no signature at its end");
    let (body, signature) = (find("").ok_or_else(cut)?, find(SIGNATURE).ok_or_else(cut)?);
    let end = find(END).filter(|end| *end > signature && body < signature).ok_or_else(cut)?;
    if let Some(behind) = lines[end + 1..].iter().find(|(_, line)| !line.trim().is_empty()) {
        return Err(fault(*behind, "it stands behind the signed text: take it out, or the signed part"));
    }
    let said = &lines[body + 1..signature];
    Ok(said.iter().map(|(n, line)| (*n, line.strip_prefix("- ").unwrap_or(line))).collect())
}

/// Lines of BSD's programs tell of other kinds of digests, and of sizes, in the same list.
fn is_of_another_kind(line: &str) -> bool {
    let kind = line.trim_start_matches('\\').split_once(" (").filter(|(_, rest)| rest.contains(") = "));
    kind.is_some_and(|(kind, _)| {
        kind != "SHA256" && kind.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
    })
}

/// `HEX  NAME`, `HEX *NAME`, `SHA256 (NAME) = HEX`, or `HEX`; a backslash before it says that the name is escaped.
fn entry((n, line): Line<'_>) -> Result<Entry, Fault> {
    let (is_escaped, rest) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
    let (hex, name) = parts(rest).ok_or_else(|| fault((n, line), "it is no digest and name"))?;
    let digest =
        Digest::from_hex(&hex.to_ascii_lowercase()).map_err(|_| fault((n, line), &other_kind(hex)))?;
    let name = match name.filter(|_| is_escaped) {
        Some(name) => Some(
            unescaped(name).ok_or_else(|| fault((n, line), "its name has an escape that nobody writes"))?,
        ),
        None => name.map(str::to_owned),
    };
    Ok(Entry { digest, name })
}

fn parts(line: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = line.strip_prefix("SHA256 (") {
        return rest.rsplit_once(") = ").map(|(name, hex)| (hex.trim_end(), Some(name)));
    }
    match line.split_once(' ') {
        None => line.bytes().all(|it| it.is_ascii_hexdigit()).then_some((line, None)),
        Some((hex, rest)) if rest.trim().is_empty() => Some((hex, None)),
        Some((hex, rest)) => Some((hex, Some(rest.strip_prefix([' ', '*'])?))),
    }
}

fn other_kind(hex: &str) -> String {
    let is_hex = hex.bytes().all(|it| it.is_ascii_hexdigit());
    match OTHERS.iter().find(|(length, _)| is_hex && *length == hex.len()) {
        Some((_, kind)) => format!("its digest is {kind}, and eadem compares SHA-256"),
        None => "it is no digest and name".to_owned(),
    }
}

/// A name as GNU's programs escape it.
fn unescaped(name: &str) -> Option<String> {
    let (mut text, mut rest) = (String::new(), name.chars());
    while let Some(c) = rest.next() {
        text.push(match c {
            '\\' => match rest.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            c => c,
        });
    }
    Some(text)
}

fn fault((line, said): Line<'_>, why: &str) -> Fault {
    Fault { line, said: said.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn names(text: &str) -> Vec<Option<String>> {
        let list = read(text).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert!(list.entries.iter().all(|entry| entry.digest.hex() == HEX));
        list.entries.into_iter().map(|entry| entry.name).collect()
    }

    fn refused(text: &str) -> (usize, String) {
        let fault = read(text).expect_err("it is no list");
        (fault.line, fault.why)
    }

    #[test]
    fn lines_of_several_programs_are_read() {
        for line in [
            format!("{HEX}  a b.deb"),
            format!("{HEX} *a b.deb"),
            format!("{}  a b.deb", HEX.to_uppercase()),
            format!("SHA256 (a b.deb) = {HEX}"),
            format!("# said\r\n\r\n{HEX}  a b.deb\r\n"),
        ] {
            assert_eq!(names(&line), [Some("a b.deb".to_owned())], "{line}");
        }
        for line in [HEX.to_owned(), format!("{HEX}\r\n"), format!("{HEX}  ")] {
            assert_eq!(names(&line), [None], "{line}");
        }
    }

    #[test]
    fn an_escaped_name_is_read_and_a_name_that_is_not_said_to_be_escaped_stays() {
        let told = |line: String| names(&line).remove(0).expect("a name");
        assert_eq!(told(format!(r"\{HEX}  a\nb\\c\rd")), "a\nb\\c\rd");
        assert_eq!(told(format!(r"\SHA256 (a\nb) = {HEX}")), "a\nb");
        assert_eq!(told(format!(r"{HEX}  a\nb")), r"a\nb");
        for name in [r"a\tb", r"a\"] {
            assert_eq!(refused(&format!(r"\{HEX}  {name}")).1, "its name has an escape that nobody writes");
        }
    }

    #[test]
    fn a_list_of_bsd_may_tell_of_other_digests_and_of_sizes() {
        let list = format!("MD5 (a) = 00\nSHA256 (a (1)) = {HEX}\nSHA3-256 (a) = 00\nSIZE (a) = 7\n");
        assert_eq!(names(&list), [Some("a (1)".to_owned())]);
    }

    #[test]
    fn a_signed_list_is_read_and_said_to_be_signed() {
        let text = |between: &str, behind: &str| {
            format!(
                "{SIGNED}\nHash: SHA512\n\n{HEX}  a\n- - no\n{between}{SIGNATURE}\n\nabc\n{END}\n{behind}"
            )
        };
        assert_eq!(refused(&text("", "")), (5, "it is no digest and name".to_owned()));
        let text = |between: &str, behind: &str| {
            text(between, behind).replace("- - no\n", &format!("- {HEX}  -b\n"))
        };
        assert_eq!(names(&text("", "")), [Some("a".to_owned()), Some("-b".to_owned())]);
        assert!(read(&text("", "\n")).expect("a list").is_signed && begins_like_one(&text("", "")));
        assert_eq!(names(&text("", "").replace('\n', "\r\n")).len(), 2);
        assert_eq!(refused(&text("", &format!("{HEX}  c\n"))).0, 10);
        for cut in [text("", "").replace(END, ""), text("", "").replace(SIGNATURE, ""), format!("{SIGNED}\n")]
        {
            assert!(refused(&cut).1.starts_with("the signed text is cut"), "{cut}");
        }
    }

    #[test]
    fn what_is_no_line_is_named_with_its_number() {
        assert_eq!(refused(&format!("{HEX}  a\nrubbish\n")), (2, "it is no digest and name".to_owned()));
        for line in
            [format!("{HEX}\ta"), format!("{}  a", &HEX[1..]), format!("{HEX} a"), "SHA256 (a) =".to_owned()]
        {
            assert_eq!(refused(&line).0, 1, "{line}");
        }
        let sum = format!("{HEX}{HEX}  a");
        assert_eq!(refused(&sum).1, "its digest is SHA-512 or BLAKE2b, and eadem compares SHA-256");
    }

    #[test]
    fn a_list_is_known_by_its_first_line() {
        assert!(begins_like_one(&format!("# said\n\n{HEX}  a\n")));
        assert!(begins_like_one(&format!(r"\{HEX}  a\nb")));
        for text in ["text\n", HEX, "", &format!("{SIGNED}\n\ntext\n")] {
            assert!(!begins_like_one(text), "{text}");
        }
    }
}
