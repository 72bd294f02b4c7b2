//! Bytes of both sides beside each other.

use maud::{Markup, html};

use eadem_model::Window;

use super::shown;

/// Bytes in a row; both sides fit into a page of usual width.
const ROW: usize = 8;

/// Some bytes that differ, with the text that they are part of.
pub(super) fn table(window: &Window) -> Markup {
    let sides = window.hex.each_ref().map(|hex| read(hex));
    let is_level = window.offsets[0] == window.offsets[1];
    let rows = sides.iter().map(|side| side.len().div_ceil(ROW)).max().unwrap_or_default();
    html! {
        @if let Some(texts) = &window.texts {
            table.sides {
                thead { tr { th scope="col" { "text of round 1" } th scope="col" { "text of round 2" } } }
                tbody { tr { @for text in texts { td { code { (shown(text)) } } } } }
            }
        }
        table.bytes {
            thead {
                tr {
                    th scope="col" { "at" } th scope="col" { "bytes of round 1" }
                    @if !is_level { th scope="col" { "at" } } th scope="col" { "bytes of round 2" }
                }
            }
            tbody {
                @for row in 0..rows {
                    tr {
                        @for n in 0..2 {
                            @if n == 0 || !is_level { td.at { (format!("{:x}", window.offsets[n] + (row * ROW) as u64)) } }
                            td { code { (digits(&sides, n, row)) } " " code.text { (letters(&sides[n], row)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The bytes of a text of hexadecimal digits, as far as it is one.
fn read(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len() / 2).map_while(|n| hex.get(2 * n..2 * n + 2));
    pairs.map_while(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// A row of one side; what the other side has otherwise is marked.
fn digits(sides: &[Vec<u8>; 2], n: usize, row: usize) -> Markup {
    let other = &sides[1 - n];
    html! {
        @for (at, byte) in sides[n].iter().enumerate().skip(row * ROW).take(ROW) {
            @if other.get(at) == Some(byte) { (format!("{byte:02x}")) } @else { mark { (format!("{byte:02x}")) } }
            " "
        }
    }
}

fn letters(side: &[u8], row: usize) -> String {
    let letter = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '·' };
    side.iter().skip(row * ROW).take(ROW).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_marked_on_both_sides() {
        let hex = ["3c6101".to_owned(), "3c62".to_owned()];
        let page = table(&Window { offsets: [16, 32], hex, texts: None }).into_string();
        let body = page.split("<tbody>").nth(1).expect("a body");
        let wanted = "<tr><td class=\"at\">10</td><td><code>3c <mark>61</mark> <mark>01</mark> </code> \
                      <code class=\"text\">&lt;a·</code></td><td class=\"at\">20</td>\
                      <td><code>3c <mark>62</mark> </code> <code class=\"text\">&lt;b</code></td></tr>";
        assert_eq!(body, format!("{wanted}</tbody></table>"));
    }

    #[test]
    fn what_is_no_hexadecimal_number_ends_the_bytes() {
        assert_eq!(read("0aäff"), [10]);
        assert_eq!(read("0"), Vec::<u8>::new());
    }
}
