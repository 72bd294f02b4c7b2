//! Dates of releases: text to seconds since 1970 and back; always UTC.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads `Sat, 12 Sep 2026 07:55:41 UTC`, the form of releases and of web servers, as seconds since 1970.
pub fn parse_release(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, zone] = words[..] else { return None };
    if !matches!(zone, "UTC" | "GMT" | "+0000") {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let clock: Vec<u64> = time.split(':').map(number).collect::<Option<_>>()?;
    let [hour, minute, second] = clock[..] else { return None };
    seconds([number(year)?, month, number(day)?, hour, minute, second])
}

/// Writes `20260912T075541Z`, the form of snapshot archives.
pub(crate) fn stamp(seconds: u64) -> String {
    let [year, month, day, hour, minute, second] = fields(seconds);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Reads what [`stamp`] writes.
pub(crate) fn parse_stamp(stamp: &str) -> Option<u64> {
    if stamp.len() != 16 || !stamp.is_ascii() {
        return None;
    }
    let part = |from: usize, to: usize| number(&stamp[from..to]);
    let time = seconds([part(0, 4)?, part(4, 6)?, part(6, 8)?, part(9, 11)?, part(11, 13)?, part(13, 15)?])?;
    (self::stamp(time) == stamp).then_some(time)
}

/// Writes `2026-09-12T07:55:41Z`, the form of OCI.
pub fn rfc3339(seconds: u64) -> String {
    let [year, month, day, hour, minute, second] = fields(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn number(text: &str) -> Option<u64> {
    let plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn seconds([year, month, day, hour, minute, second]: [u64; 6]) -> Option<u64> {
    let good = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    good.then(|| ((days_before(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second)
}

/// The days from 1970 to the first of a month, counted in years that begin in March.
fn days_before(year: u64, month: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5;
    days - 719_468
}

fn fields(seconds: u64) -> [u64; 6] {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    let month =
        (1..=12).rev().find(|month| days_before(year, *month) <= days).expect("January begins the year");
    [year, month, days - days_before(year, month) + 1, time / 3600, time / 60 % 60, time % 60]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_releases_date_becomes_a_stamp_and_back() {
        for (text, seconds, stamped) in [
            ("Sat, 12 Sep 2026 07:55:41 UTC", 1_789_199_741, "20260912T075541Z"),
            ("Thu, 29 Feb 2024 23:59:59 UTC", 1_709_251_199, "20240229T235959Z"),
            ("Thu, 01 Jan 1970 00:00:00 UTC", 0, "19700101T000000Z"),
            ("Mon, 1 Mar 2100 00:00:00 GMT", 4_107_542_400, "21000301T000000Z"),
            ("Fri, 31 Dec 1999 12:00:00 +0000", 946_641_600, "19991231T120000Z"),
        ] {
            assert_eq!(parse_release(text), Some(seconds), "{text}");
            assert_eq!(stamp(seconds), stamped);
            assert_eq!(parse_stamp(stamped), Some(seconds));
        }
        assert_eq!(rfc3339(1_789_199_741), "2026-09-12T07:55:41Z");
    }

    #[test]
    fn texts_that_are_no_dates_are_refused() {
        for text in ["", "Sat, 12 Sep 2026 07:55:41 CET", "Sat, 12 Sep 2026", "Sat, 12 Foo 2026 07:55:41 UTC"]
        {
            assert_eq!(parse_release(text), None, "{text}");
        }
        for text in ["", "20260912T0755Z", "20260231T000000Z", "2026-09-12T07:55", "20261312T075541Z"] {
            assert_eq!(parse_stamp(text), None, "{text}");
        }
    }
}
