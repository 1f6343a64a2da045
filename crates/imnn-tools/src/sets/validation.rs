//! Sets for training and for validation that belong together.

use super::Proposal;
use super::words::{TRAINING, parts, places, replaced, spellings};

/// Puts each set for validation into the set for training whose paths are the same otherwise.
pub(super) fn joined(mut sets: Vec<Proposal>) -> Vec<Proposal> {
    let mut at = 0;
    while at < sets.len() {
        let names = partners(&sets[at].fiducial.to_string());
        let like = |of: &Proposal| {
            let fits = of.input == sets[at].input && of.exact == sets[at].exact;
            fits && of.parameters == sets[at].parameters && names.contains(&of.fiducial.to_string())
        };
        match sets.iter().position(like) {
            Some(of) => {
                let validation = sets.remove(of);
                at -= usize::from(of < at);
                sets[at].validation = Some(Box::new(validation));
            }
            None => at += 1,
        }
    }
    sets
}

/// What the simulations for validation may be called, of those for training.
fn partners(path: &str) -> Vec<String> {
    let mut names = vec![];
    for part in parts(path) {
        for (training, validation) in TRAINING {
            for (training, validation) in spellings(training).iter().zip(spellings(validation)) {
                for at in places(&path[part.clone()], training) {
                    let word = part.start + at..part.start + at + training.len();
                    names.push(replaced(path, &word, &validation));
                }
            }
        }
    }
    names
}
