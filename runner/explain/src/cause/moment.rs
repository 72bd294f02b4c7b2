//! Times as they are written, and whether they are those of a build.

use std::sync::LazyLock;

use regex::Regex;

use crate::known::Span;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How far outside of its build a time may lie, in seconds: zip knows every other second only.
const SLACK: i64 = 2;
/// Longer builds have every time of day, in seconds.
const LONG: i64 = 3600;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        "([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)?(?: ?(?:(Z|UTC|GMT)|([+-][0-9]{2}):?([0-9]{2})))?",
    )
    .expect("the expression is a constant")
});
static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[T_-]?([0-9]{2})([0-9]{2})([0-9]{2})$)?")
        .expect("the expression is a constant")
});

/// A time, as far as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Days since 1970.
    day: Option<i64>,
    /// Seconds of the day, and how many the writer left out.
    clock: Option<(i64, i64)>,
    /// Seconds by which its zone is east of Greenwich.
    east: Option<i64>,
}

impl Moment {
    /// Reads a text that has one of the shapes of times.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
        if whole.bytes().all(|byte| byte.is_ascii_digit()) && whole.len() >= 10 && whole.len() != 14 {
            return Self::of_epoch(whole.get(..10)?.parse().ok()?);
        }
        let (clock, east) = clock(text);
        if let Some(numbers) = NUMBERS.captures(text) {
            let number = |at: usize| numbers.get(at).and_then(|it| it.as_str().parse::<i64>().ok());
            let day = days(number(1)?, number(2)?, number(3)?);
            let behind = number(4).zip(number(5)).zip(number(6));
            let behind = behind.map(|((hour, minute), second)| (hour * 3600 + minute * 60 + second, 0));
            return Some(Self { day: Some(day), clock: behind.or(clock), east });
        }
        let day = named_day(&CLOCK.replace(text, " "));
        (day.is_some() || clock.is_some()).then_some(Self { day, clock, east })
    }

    /// Seconds since 1970.
    pub(super) fn of_epoch(seconds: i64) -> Option<Self> {
        let clock = Some((seconds.rem_euclid(DAY), 0));
        Some(Self { day: Some(seconds.div_euclid(DAY)), clock, east: Some(0) })
    }

    /// Whether it lies within a build, by the build's clock or by the machine's, in its zone or in Greenwich's.
    pub(super) fn is_within(&self, span: &Span) -> bool {
        let zones = self.east.map_or([0, span.east], |east| [east, east]);
        [0, span.ahead].into_iter().any(|ahead| {
            let [start, end] = [span.start, span.end].map(|second| second.saturating_add(ahead));
            zones
                .into_iter()
                .any(|east| self.is_between(start.saturating_add(east), end.saturating_add(east)))
        })
    }

    fn is_between(&self, start: i64, end: i64) -> bool {
        let cut = self.clock.map_or(0, |(_, cut)| cut);
        let is_open = start <= 0;
        let (start, end) = (start.saturating_sub(SLACK + cut), end.saturating_add(SLACK));
        match (self.day, self.clock) {
            (Some(day), Some((clock, _))) => (start..=end).contains(&(day * DAY + clock)),
            (Some(day), None) => (start.div_euclid(DAY)..=end.div_euclid(DAY)).contains(&day),
            (None, Some((clock, _))) => {
                let length = end.saturating_sub(start);
                // Where a build began that nobody saw, every time of day may be its own.
                is_open || length < LONG && clock.wrapping_sub(start).rem_euclid(DAY) <= length
            }
            (None, None) => false,
        }
    }

    /// Whether both are the same moment, told in the time zones of two builds.
    pub(super) fn is_elsewhere(&self, other: &Self, spans: &[Span; 2]) -> bool {
        let [left, right] = [(self, &spans[0]), (other, &spans[1])].map(|(moment, span)| {
            let east = moment.east.filter(|east| *east != span.east);
            let (clock, cut) = moment.clock?;
            east.is_none().then(|| (moment.day, clock - span.east, cut))
        });
        let (Some((left, clock, cut)), Some((right, other, _))) = (left, right) else { return false };
        let apart =
            (left.zip(right).map_or(0, |(left, right)| left - right) * DAY).wrapping_add(clock - other);
        let is_day = left.is_some() && right.is_some();
        let apart = if is_day { apart } else { apart.rem_euclid(DAY) };
        spans[0].east != spans[1].east && left.is_some() == right.is_some() && apart.abs() <= cut.min(SLACK)
    }
}

/// The time of day, and the zone behind it.
fn clock(text: &str) -> (Option<(i64, i64)>, Option<i64>) {
    let Some(found) = CLOCK.captures(text) else { return (None, None) };
    let number = |at: usize| found.get(at).and_then(|it| it.as_str().parse::<i64>().ok());
    let seconds = number(1).unwrap_or_default() * 3600 + number(2).unwrap_or_default() * 60;
    let clock = match number(3) {
        Some(second) => (seconds + second, 0),
        None => (seconds, 60),
    };
    let away = number(5).zip(number(6)).map(|(hours, minutes)| {
        let minutes = if found[5].starts_with('-') { -minutes } else { minutes };
        hours * 3600 + minutes * 60
    });
    (Some(clock), found.get(4).map(|_| 0).or(away))
}

/// A day whose month has a name: its other numbers are its day and its year.
fn named_day(text: &str) -> Option<i64> {
    let month = MONTHS.iter().position(|month| text.contains(month))?;
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    let (years, mut days_of): (Vec<&str>, Vec<&str>) = numbers.partition(|word| word.len() == 4);
    let (year, day) = (years.first()?.parse().ok()?, days_of.pop()?.parse().ok()?);
    Some(days(year, month as i64 + 1, day))
}

/// Days from 1970 to a day of the calendar. The year is taken to begin in March, so that its odd day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i64> {
        let moment = Moment::parse(text)?;
        Some(moment.day? * DAY + moment.clock.map_or(0, |(clock, _)| clock) - moment.east.unwrap_or_default())
    }

    #[test]
    fn every_shape_is_read() {
        for text in [
            "2001-09-09T01:46:40Z",
            "2001-09-09 14:31:40+12:45",
            "Sun, 09 Sep 2001 01:46:40 +0000",
            "Sun Sep  9 01:46:40 UTC 2001",
            "Sun Sep  9 14:31:40 +1245 2001",
            "Sep 9 2001 01:46:40",
            "20010909T014640",
            "20010909014640",
            "1000000000",
            "1000000000123",
            "1000000000.123456789",
        ] {
            assert_eq!(seconds(text), Some(1_000_000_000), "{text}");
        }
        assert_eq!((seconds("1970-01-01"), seconds("2000-02-29")), (Some(0), Some(951_782_400)));
        assert_eq!((seconds("Mar  1 2000"), seconds("20420603")), (Some(951_868_800), Some(2_285_366_400)));
        assert_eq!(Moment::parse("01:46:40").and_then(|it| it.clock), Some((6400, 0)));
    }

    #[test]
    fn a_time_is_within_a_build_by_its_clock_or_the_machines_in_either_zone() {
        let span = Span { start: 1_000_000_000, end: 1_000_000_009, ahead: 500_000_000, east: 45_900 };
        let within = |text: &str| Moment::parse(text).is_some_and(|moment| moment.is_within(&span));
        for text in ["1000000003", "1500000003", "2001-09-09 01:46:45", "2001-09-09 14:31:45", "14:31:45"] {
            assert!(within(text), "{text}");
        }
        let open = Span { start: 0, ahead: 0, east: 0, ..span };
        let before = |text: &str| Moment::parse(text).is_some_and(|moment| moment.is_within(&open));
        assert!(before("1998-07-09 16:00:00") && before("14:32:45") && !before("1000000099"));
        assert!(within("2017-07-14") && within("Jul 14 2017") && within("2001-09-09 01:46"));
        for text in ["1000000099", "1500000099", "2001-09-09 01:47:45", "2001-09-10", "14:32:45", "01:45"] {
            assert!(!within(text), "{text}");
        }
    }

    #[test]
    fn one_moment_is_known_in_two_zones() {
        let span = |east| Span { start: 0, end: 0, ahead: 0, east };
        let elsewhere = |first: &str, second: &str| {
            let moment = |text| Moment::parse(text).expect("a time");
            moment(first).is_elsewhere(&moment(second), &[span(0), span(45_900)])
        };
        assert!(elsewhere("2001-09-09 01:46", "2001-09-09 14:31") && elsewhere("23:46:40", "12:31:40"));
        assert!(elsewhere("2001-09-09T01:46:40Z", "2001-09-09T14:31:40+12:45"));
        assert!(!elsewhere("2001-09-09 01:46:40", "2001-09-09 14:31:45"));
        assert!(!elsewhere("2001-09-09", "2001-09-10") && !elsewhere("1000000000", "1000045900"));
    }
}
