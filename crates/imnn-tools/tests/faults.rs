//! Faults put into good data are found, and good data are not doubted: a part of what the example `faults` counts.

#![allow(clippy::unwrap_used)]

#[path = "../examples/faults/inject.rs"]
mod inject;
#[path = "../examples/faults/problems.rs"]
mod problems;
#[path = "../examples/faults/sets.rs"]
mod sets;
#[path = "../examples/faults/trials.rs"]
mod trials;

use imnn_sim::Key;
use imnn_tools::check::Severity;

use inject::{FAULTS, Fault};
use problems::PROBLEMS;
use trials::{false_alarms, injected, two};

/// A few other seeds, a little noise, and units that are extreme in sets of other units only are not seen in every set.
#[test]
fn every_fault_is_found_in_nearly_every_problem() {
    let mut missed = vec![];
    for (f, fault) in FAULTS.iter().enumerate() {
        for (p, problem) in PROBLEMS.iter().enumerate() {
            let counts = injected(&[*fault], *problem, 1, Key::new(11).fold_in((100 * f + p) as u64));
            if counts.said < counts.all {
                missed.push((*fault, format!("{} in {}", fault.name(), problem.name())));
            }
        }
    }
    let may_be =
        |(fault, _): &(Fault, String)| [Fault::SomeOtherSeeds, Fault::Tiny, Fault::UnsharedNoise].contains(fault);
    assert!(missed.len() <= 2 && missed.iter().all(may_be), "{missed:?}");
}

#[test]
fn two_faults_do_not_hide_each_other() {
    for (p, problem) in PROBLEMS.iter().enumerate() {
        for k in 0..4 {
            let key = Key::new(12).fold_in(100 * p as u64 + k);
            let counts = injected(&two(key), *problem, 1, key);
            assert_eq!(counts.said, counts.all, "{:?} in {}", two(key), problem.name());
        }
    }
}

#[test]
fn with_no_simulation_that_is_finite_there_is_an_error_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut set = trials::sound(problems::Problem::Image, Key::new(14), false).0;
    for array in [&mut set.fiducial, &mut set.derivative] {
        array.fill(f64::NAN);
    }
    let (worst, said) = set.checked(folder.path());
    assert!(worst == Severity::Error && said[0].contains("is NaN"), "{said:#?}");
}

#[test]
fn sound_data_are_not_doubted() {
    let (counts, said) = false_alarms(60, Key::new(13));
    assert!(counts.refused == 0 && counts.said <= 1, "{said:#?}");
}
