//! JUnit's XML: a test case for each recipe.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use crate::{
    Case, Report, output, problem,
    standing::Weight,
    text::{self, line},
};

type Out = Writer<Vec<u8>>;

/// The document.
pub(crate) fn document(report: &Report) -> String {
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut out, report).expect("a vector takes all that is written");
    String::from_utf8(out.into_inner()).expect("only texts were written") + "\n"
}

fn write(out: &mut Out, report: &Report) -> io::Result<()> {
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let totals = Totals::of(report);
    let all = out.create_element("testsuites").with_attributes(totals.attributes());
    all.write_inner_content(|out| {
        let suite = out.create_element("testsuite").with_attributes(totals.attributes());
        suite.write_inner_content(|out| report.cases.iter().try_for_each(|case| test_case(out, case)))?;
        Ok(())
    })?;
    Ok(())
}

/// The attributes of a suite, as texts.
struct Totals([(&'static str, String); 5]);

impl Totals {
    fn of(report: &Report) -> Self {
        let count = |weight: Weight| {
            report.cases.iter().filter(|case| case.standing().weight() == weight).count().to_string()
        };
        Self([
            ("name", "eadem verify".to_owned()),
            ("tests", report.cases.len().to_string()),
            ("failures", count(Weight::Bad)),
            ("errors", count(Weight::Open)),
            ("time", seconds(report.cases.iter().map(Case::wall_ms).sum())),
        ])
    }

    fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

fn test_case(out: &mut Out, case: &Case) -> io::Result<()> {
    let (file, time) = (valid(&line(&case.file)), seconds(case.wall_ms()));
    let attributes = [
        ("name", case.recipe.as_str()),
        ("classname", "eadem.verify"),
        ("file", file.as_str()),
        ("time", time.as_str()),
    ];
    let element = out.create_element("testcase").with_attributes(attributes);
    element.write_inner_content(|out| {
        outcome(out, case)?;
        log(out, case)
    })?;
    Ok(())
}

/// A build that differs or fails is a failure; an error is what came to no verdict.
fn outcome(out: &mut Out, case: &Case) -> io::Result<()> {
    let name = match case.standing().weight() {
        Weight::Good => return Ok(()),
        Weight::Bad => "failure",
        Weight::Open => "error",
    };
    let problems = problem::of(case);
    let message = valid(&problems.first().map(|problem| problem.message.clone()).unwrap_or_default());
    let attributes = [("message", message.as_str()), ("type", case.standing().as_str())];
    let element = out.create_element(name).with_attributes(attributes);
    element.write_text_content(BytesText::new(&valid(&told(case, &problems))))?;
    Ok(())
}

/// All that is known, a line each.
fn told(case: &Case, problems: &[problem::Problem]) -> String {
    let problems = problems.iter().map(|problem| problem.message.clone());
    let outputs = case.differences.iter().flat_map(|difference| {
        let path = difference.entries.path.to_string();
        std::iter::once(path).chain(output::lines(difference).into_iter().map(|line| format!("  {line}")))
    });
    let facts = case.fault.iter().flat_map(|fault| &fault.facts).map(|fact| text::log_line(fact));
    let hints = case.fault.iter().flat_map(|fault| &fault.hints).map(|hint| format!("hint: {hint}"));
    let lines = problems.chain(outputs).chain(facts).chain(hints);
    lines.map(|text| line(&text)).collect::<Vec<_>>().join("\n")
}

fn log(out: &mut Out, case: &Case) -> io::Result<()> {
    if case.logs.is_empty() {
        return Ok(());
    }
    let of_round = |log: &crate::Log| {
        let head = format!("round {}, all of it by: {}\n", log.n_round, line(&log.command));
        head + &log.lines.iter().map(|line| text::log_line(line) + "\n").collect::<String>()
    };
    let text: String = case.logs.iter().map(of_round).collect();
    out.create_element("system-out").write_text_content(BytesText::new(&valid(&text)))?;
    Ok(())
}

/// Two characters are left that no XML may hold.
fn valid(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use quick_xml::{Reader, events::Event};

    use super::*;
    use crate::example;

    #[test]
    fn each_recipe_is_a_test_case_that_passes_fails_or_has_an_error() {
        let open = Case { verdict: None, ..example::failed() };
        let cases =
            vec![example::good(), Case { logs: Vec::new(), ..example::differing() }, example::failed(), open];
        let wanted = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="eadem verify" tests="4" failures="2" errors="1" time="6.000">
  <testsuite name="eadem verify" tests="4" failures="2" errors="1" time="6.000">
    <testcase name="good" classname="eadem.verify" file="recipes/good.yaml" time="3.000">
    </testcase>
    <testcase name="one" classname="eadem.verify" file="recipes/one.yaml" time="3.000">
      <failure message="bin/one → .rodata differs between two builds: the machine&apos;s name (proven): `hq83` stands there; remedy: leave it out" type="differs">bin/one → .rodata differs between two builds: the machine&apos;s name (proven): `hq83` stands there; remedy: leave it out
bin/one
  round 1: an executable of 4 bytes, ONE
  round 2: an executable of 4 bytes, TWO
  first difference at byte 1</failure>
    </testcase>
    <testcase name="bad" classname="eadem.verify" file="recipes/bad.yaml" time="0.000">
      <failure message="the build of `bad` failed with status 101" type="build-failed">the build of `bad` failed with status 101
error: mismatched types
hint: eadem log bad</failure>
    </testcase>
    <testcase name="bad" classname="eadem.verify" file="recipes/bad.yaml" time="0.000">
      <error message="the build of `bad` failed with status 101" type="not-verified">the build of `bad` failed with status 101
error: mismatched types
hint: eadem log bad</error>
    </testcase>
  </testsuite>
</testsuites>
"#;
        let digest = |bytes: &[u8]| eadem_model::Digest::of(bytes).to_string();
        let wanted = wanted.replace("ONE", &digest(b"hq83")).replace("TWO", &digest(b"hxyz"));
        assert_eq!(document(&example::report(cases)), wanted);
    }

    #[test]
    fn hostile_texts_make_no_element_and_stay_valid() {
        let text = document(&example::report(vec![example::hostile()]));
        let mut reader = Reader::from_str(&text);
        let mut names = Vec::new();
        loop {
            match reader.read_event().expect("it is XML") {
                Event::Eof => break,
                Event::Start(tag) => names.push(String::from_utf8_lossy(tag.name().as_ref()).into_owned()),
                Event::CData(_) | Event::Comment(_) | Event::PI(_) => panic!("nothing of this was written"),
                _ => {}
            }
        }
        assert_eq!(names, ["testsuites", "testsuite", "testcase", "failure", "system-out"]);
        let is_valid = |c: char| c == '\n' || !c.is_control() && c != '\u{fffe}' && c != '\u{202e}';
        assert!(text.chars().all(is_valid), "{text}");
    }
}
