//! ELF files: sections, functions, and what is only a consequence.
//!
//! Data and code are *roots*: what differs in them has a cause of its own. An [`atlas::Atlas`] says where each
//! address of the first file is in the second; words that differ as it says are no difference. What a linker or
//! compiler derives from roots (symbol tables, unwind tables, relocations, build-id) follows from them.

mod atlas;
mod data;
mod function;
mod image;
mod line;
mod name;
mod nature;
mod symbol;
mod word;

use eadem_model::{Cause, Change, Confidence, Finding, Reason, Spot};

use crate::{
    cause::{self, unknown},
    content,
    explain::{Search, within},
    packed,
};
use atlas::Atlas;
use image::{Image, Section};
use nature::Nature;
use symbol::Matches;
use word::Words;

/// As many roots are named by what follows from them.
const NAMED: usize = 8;

/// Two ELF files and what is known of them together.
pub(crate) struct Both<'a> {
    pub(crate) first: Image<'a>,
    pub(crate) second: Image<'a>,
    /// Sections of equal name.
    pub(crate) pairs: Vec<Pair>,
    pub(crate) matches: Matches,
    pub(crate) atlas: Atlas,
}

/// A section of both files, by its index in each.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) first: usize,
    pub(crate) second: usize,
    pub(crate) nature: Nature,
    /// Where data differ; of other sections, nothing.
    pub(crate) regions: Option<crate::region::Regions>,
}

/// Compares two ELF files; says nothing of what is damaged.
pub(crate) fn compare(search: &Search<'_>, place: &[Spot], first: &[u8], second: &[u8]) {
    let (Some(first), Some(second)) = (Image::parse(first), Image::parse(second)) else { return };
    let both = Both::of(first, second);
    let before = search.n_findings();
    alone(search, place, &both);
    renamed(search, place, &both);
    let mut natures = vec![Nature::Data; search.n_findings() - before];
    for is_root in [true, false] {
        for pair in both.pairs.iter().filter(|pair| pair.nature.is_root() == is_root) {
            section(search, place, &both, pair);
            natures.resize(search.n_findings() - before, pair.nature);
        }
    }
    follow(search, before, &natures);
    trailing(search, place, &both);
}

/// Sections that one side alone has.
fn alone(search: &Search<'_>, place: &[Spot], both: &Both<'_>) {
    let sides = [(&both.first, 1), (&both.second, 2)];
    for (image, side) in sides {
        let paired = |index: usize| {
            both.pairs.iter().any(|pair| if side == 1 { pair.first == index } else { pair.second == index })
        };
        for (index, section) in image.sections.iter().enumerate() {
            if !paired(index) {
                let place = within(place, Spot::Section(section.name.clone()));
                search.find(&place, Change::Only { side }, Vec::new());
            }
        }
    }
}

/// Sections whose names hold what a compiler drew are one finding.
fn renamed(search: &Search<'_>, place: &[Spot], both: &Both<'_>) {
    let names = |pair: &Pair| {
        [&both.first.sections[pair.first], &both.second.sections[pair.second]].map(|it| it.name.clone())
    };
    let renamed: Vec<[String; 2]> = both.pairs.iter().map(names).filter(|[one, two]| one != two).collect();
    let Some(values) = renamed.first().cloned() else { return };
    let cause = cause::cause(Reason::Random, cause::quoted(&values), Confidence::Likely);
    let remedy =
        "`-frandom-seed=FILE`, with the name of the source, for each file that is compiled".to_owned();
    let inside = within(place, Spot::Section(values[0].clone()));
    let change = Change::Attribute { name: "name".to_owned(), values, members: renamed.len() };
    search.find(&inside, change, vec![Cause { remedy, ..cause }]);
}

fn section(search: &Search<'_>, place: &[Spot], both: &Both<'_>, pair: &Pair) {
    let (first, second) = (&both.first.sections[pair.first], &both.second.sections[pair.second]);
    if first.data == second.data || search.is_full() {
        return;
    }
    let inside = within(place, Spot::Section(first.name.clone()));
    let mine = search.n_findings();
    match pair.nature {
        Nature::Code => function::compare(search, &inside, both, pair),
        Nature::Packed => {
            packed::unpacked(search, &inside, [first.decoder(), second.decoder()]);
        }
        Nature::Data | Nature::Debug | Nature::Derived | Nature::BuildId => {
            data::compare(search, &inside, both, pair);
        }
    }
    if search.n_findings() == mine {
        content::bytes(search, &inside, first.data, second.data);
    }
}

/// Says of findings from `before` on, whose natures are known, what they follow from.
fn follow(search: &Search<'_>, before: usize, natures: &[Nature]) {
    let (mut roots, mut order): (Vec<String>, Vec<&Nature>) = (Vec::new(), natures.iter().rev().collect());
    search.since(before, |finding| {
        let is_root = order.pop().is_some_and(|nature| nature.is_root() || !follows(*nature, finding));
        roots.extend(section_of(finding).filter(|_| is_root && !is_moved(finding)));
    });
    roots.dedup();
    roots.truncate(NAMED);
    let mut natures = natures.iter();
    search.since(before, |finding| {
        let nature = *natures.next().unwrap_or(&Nature::Data);
        let is_consequence = is_moved(finding) || follows(nature, finding);
        if !is_consequence {
            return;
        }
        finding.follows.clone_from(&roots);
        finding.causes = consequence(nature, finding);
    });
}

/// Whether a section's difference is a consequence by its nature: no rule found a cause in it.
fn follows(nature: Nature, finding: &Finding) -> bool {
    let unexplained = finding.causes.iter().all(|cause| cause.confidence == Confidence::Unknown);
    nature == Nature::BuildId || (!nature.is_root() && unexplained)
}

/// What is left to say of the cause of a consequence.
fn consequence(nature: Nature, finding: &Finding) -> Vec<Cause> {
    match (nature, finding.follows.is_empty()) {
        (Nature::BuildId, false) => {
            let evidence = "it is computed from the rest of the file".to_owned();
            vec![cause::cause(Reason::BuildId, evidence, Confidence::Likely)]
        }
        (Nature::BuildId, true) => {
            vec![drawn_build_id()]
        }
        (_, false) => Vec::new(),
        (_, true) => vec![unknown("nothing was found that it follows from".to_owned())],
    }
}

/// A digest of the file does not differ where the file is the same.
fn drawn_build_id() -> Cause {
    let evidence = "nothing else differs: it was drawn, or computed before something was stripped".to_owned();
    let remedy =
        "`-Wl,--build-id=sha1` instead of `uuid`; map paths (`-ffile-prefix-map=DIR=.`) also in debug \
                  information that is stripped"
            .to_owned();
    Cause { remedy, ..cause::cause(Reason::BuildId, evidence, Confidence::Likely) }
}

fn is_moved(finding: &Finding) -> bool {
    matches!(finding.change, Change::Moved { .. })
}

fn section_of(finding: &Finding) -> Option<String> {
    finding.place.iter().rev().find_map(|step| match step {
        Spot::Section(name) => Some(name.clone()),
        _ => None,
    })
}

/// What stands behind all that the headers tell of.
fn trailing(search: &Search<'_>, place: &[Spot], both: &Both<'_>) {
    let [first, second] = [&both.first, &both.second].map(Image::trailing);
    if first != second {
        content::compare(
            search,
            &within(place, Spot::Section("behind the last section".to_owned())),
            first,
            second,
        );
    }
}

impl<'a> Both<'a> {
    fn of(first: Image<'a>, second: Image<'a>) -> Self {
        let mut pairs = image::pairs(&first, &second);
        for pair in pairs.iter_mut().filter(|pair| pair.nature == Nature::Data) {
            let (left, right) = (first.sections[pair.first].data, second.sections[pair.second].data);
            pair.regions = (left != right).then(|| content::regions(left, right));
        }
        let matches = Matches::of(&first, &second, &pairs);
        let atlas = Atlas::of(&first, &second, &pairs, &matches);
        Self { first, second, pairs, matches, atlas }
    }

    /// Looks at words of a section.
    pub(crate) fn words(&self, pair: &Pair) -> Words<'_> {
        let sides: [&Section<'_>; 2] = [&self.first.sections[pair.first], &self.second.sections[pair.second]];
        Words::new(self, sides, pair.nature)
    }
}
