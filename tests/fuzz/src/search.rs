//! The search for inputs that a target does not bear.

use crate::execute::{Fault, Limits, execute};
use crate::mutate::Mutator;
use crate::target::{Answer, Target};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// For how long, from where on.
#[derive(Clone, Debug)]
pub struct Search {
    /// Ends it after so many executions.
    pub executions: Option<u64>,
    /// Ends it after so much time.
    pub time: Option<Duration>,
    /// What the mutations follow from.
    pub seed: u64,
    /// What an execution may take.
    pub limits: Limits,
}

/// What a search came to.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Executions done.
    pub executions: u64,
    /// Of these, inputs that were accepted.
    pub accepted: u64,
    /// Kinds of answers.
    pub classes: usize,
    /// The time that it took.
    pub time: Duration,
    /// The input that did what must not happen, and what that was.
    pub fault: Option<(Vec<u8>, Fault)>,
}

/// The most inputs that are kept to make others of, and of these that have answers that begin alike: what a message says
/// of the input would make any number of kinds.
const KEPT: usize = 4096;
const ALIKE: usize = 16;
/// The letters in which such answers are alike.
const FAMILY: usize = 24;

/// Runs a target on its seeds and on what is made of them. An input with an answer of a new kind is kept, to make more of.
/// `before` sees every input before it is run.
pub fn search(target: &Target, seeds: &[Vec<u8>], how: &Search, before: &mut dyn FnMut(&[u8])) -> Found {
    let start = Instant::now();
    let most = seeds.iter().map(Vec::len).max().unwrap_or(0).max(2048) * 2;
    let (mut kept, mut classes, mut families) = (seeds.to_vec(), HashSet::new(), HashMap::new());
    let (mut mutator, mut found, mut data) = (Mutator::new(how.seed), Found::default(), vec![]);
    loop {
        let is_over = how.executions.is_some_and(|n| found.executions >= n)
            || (found.executions % 16 == 0 && how.time.is_some_and(|time| start.elapsed() >= time));
        if is_over {
            break;
        }
        let seed = usize::try_from(found.executions).ok().and_then(|k| seeds.get(k));
        data.clear();
        match seed {
            Some(seed) => data.extend(seed),
            None => {
                let [one, other] = [0; 2].map(|_| draw(&mut mutator, seeds.len(), &kept));
                data.extend(one);
                mutator.mutate(&mut data, other, target.words, most);
            }
        }
        before(&data);
        found.executions += 1;
        match execute(target, &data, &how.limits) {
            Ok(answer) => {
                found.accepted += u64::from(answer.is_ok());
                let class = class(&answer);
                let family: String = class.chars().take(FAMILY).collect();
                if classes.insert(class) && kept.len() < KEPT {
                    let n = families.entry(family).or_insert(0);
                    *n += 1;
                    if seed.is_none() && *n <= ALIKE {
                        kept.push(data.clone());
                    }
                }
            }
            Err(fault) => {
                found.fault = Some((data, fault));
                break;
            }
        }
    }
    (found.classes, found.time) = (classes.len(), start.elapsed());
    found
}

/// An input to make another of: every other time one of the seeds, which are good files, and of two the shorter one more
/// often, in which a change meets more.
fn draw<'a>(mutator: &mut Mutator, n_seeds: usize, kept: &'a [Vec<u8>]) -> &'a [u8] {
    let n = if mutator.below(2) == 0 { n_seeds } else { kept.len() };
    let [one, other] = [0; 2].map(|_| kept.get(mutator.below(n)).map_or(&[][..], Vec::as_slice));
    if (one.len() <= other.len()) == (mutator.below(4) > 0) { one } else { other }
}

/// What kind an answer is of: its words without numbers and without what it quotes of the input.
fn class(answer: &Answer) -> String {
    let (sign, text) = match answer {
        Ok(text) => ('+', text),
        Err(text) => ('-', text),
    };
    let mut class = String::from(sign);
    let mut quote = None;
    // TOML shows the lines at fault between bars.
    let lines = text.lines().filter(|line| !line.contains(" |")).take(4);
    for c in lines.flat_map(str::chars).take(300) {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => {}
            None if "\"`".contains(c) => quote = Some(c),
            None if c.is_ascii_alphabetic() || " ,:;()".contains(c) => class.push(c),
            None => {}
        }
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(executions: u64) -> Search {
        Search { executions: Some(executions), time: None, seed: 1, limits: Limits::default() }
    }

    /// Three letters, one after the other, of which each has an answer of its own: no chance to find them all at once.
    fn three(data: &[u8]) -> Answer {
        match data {
            [b'X', b'Y', b'Z', ..] => panic!("found"),
            [b'X', b'Y', ..] => Err("two of three".into()),
            [b'X', ..] => Err("one of three".into()),
            _ => Err("none".into()),
        }
    }

    #[test]
    fn answers_of_new_kinds_lead_on() {
        let target = Target { name: "three", about: "", run: three, words: &[], seeds: &[] };
        let found = search(&target, &[b"abcdef".to_vec()], &how(1_000_000), &mut |_| {});
        let (data, fault) = found.fault.unwrap();
        assert!(data.starts_with(b"XYZ") && matches!(fault, Fault::Panic(_)), "{data:?} {fault}");
        assert_eq!((found.classes, found.accepted), (3, 0));
        assert!(found.executions < 200_000, "{}", found.executions);
    }

    #[test]
    fn searches_can_be_repeated() {
        let target = Target { name: "three", about: "", run: three, words: &[], seeds: &[] };
        let run = |seed| {
            let mut inputs = vec![];
            search(&target, &[vec![1, 2, 3], vec![]], &Search { seed, ..how(300) }, &mut |data| {
                inputs.push(data.to_vec());
            });
            inputs
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert_eq!(run(1)[..2], [vec![1, 2, 3], vec![]]);
    }

    #[test]
    fn numbers_and_quotations_make_no_new_kind() {
        let error = |text: &str| class(&Err(text.into()));
        assert_eq!(error("byte 12 of \"abc\" is -3.5e"), error("byte 9 of \"x 1\" is 2e"));
        assert_eq!(error("no TOML\n  |\n1 | [x\n  |  ^\nunclosed"), error("no TOML\n  |\n2 | [[y\n  |  ^\nunclosed"));
        assert_ne!(error("byte"), error("bite"));
        assert_ne!(error("x"), class(&Ok("x".into())));
    }
}
