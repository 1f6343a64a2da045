//! What a run does with what others do at the same time.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use imnn_data::arrays::write_npy;
use imnn_jobs::{DataSet, Design, Event, Mark, RunOptions};
use ndarray::array;

/// Three simulations with partners; each that is made adds a line to `calls`.
fn set(folder: &Path) -> DataSet {
    let any = folder.join("any.npy");
    write_npy(&any, array![1.0, 2.0].into_dyn().view()).unwrap();
    let script = format!("echo $1 $2 >> calls; cp {} $3", any.display());
    let design = Design {
        theta_fid: vec![0.3],
        parameters: vec!["Om".into()],
        theta_below: vec![0.29],
        theta_above: vec![0.31],
        n_s: 3,
        n_d: 3,
        first_seed: 0,
        shape: None,
        command: ["sh", "-c", &script, "sh", "{seed}", "{theta}", "{out}"].map(String::from).to_vec(),
        dir: ".".into(),
    };
    DataSet::create(folder.join("set"), design).unwrap()
}

fn calls(folder: &Path) -> Vec<String> {
    let mut calls: Vec<String> =
        std::fs::read_to_string(folder.join("calls")).unwrap_or_default().lines().map(str::to_owned).collect();
    calls.sort();
    calls
}

#[test]
fn what_is_done_meanwhile_is_not_done_again() {
    for claim in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let set = set(folder.path());
        let elsewhere = Mutex::new(0);
        // Another process makes two of them when it has been settled what is to be done.
        let watch = |event: Event<'_>| match event {
            Event::Start { todo } => {
                assert_eq!(todo, 9);
                for (vector, seed) in [(0, 1), (2, 2)] {
                    let file = set.file(&set.vectors()[vector], seed);
                    write_npy(file, array![3.0, 4.0].into_dyn().view()).unwrap();
                }
            }
            Event::Elsewhere => *elsewhere.lock().unwrap() += 1,
            _ => {}
        };
        let options = RunOptions { claim, ..RunOptions::new(folder.path(), 2) };
        let status = set.run(&options, &AtomicBool::new(false), &watch).unwrap();
        assert_eq!(status.count(Mark::Done), 9);
        let expected = ["0 0.29", "0 0.3", "0 0.31", "1 0.29", "1 0.31", "2 0.29", "2 0.3"];
        assert_eq!(calls(folder.path()), expected, "claim = {claim}");
        assert_eq!(*elsewhere.lock().unwrap(), if claim { 2 } else { 0 });
    }
}

#[test]
fn without_time_nothing_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let set = set(folder.path());
    let told = AtomicBool::new(false);
    let watch = |event: Event<'_>| {
        if matches!(event, Event::TooLate) {
            // Once, however many workers there are.
            assert!(!told.swap(true, Ordering::SeqCst));
        }
    };
    let run = |until| {
        let options = RunOptions { claim: true, until, ..RunOptions::new(folder.path(), 4) };
        set.run(&options, &AtomicBool::new(false), &watch).unwrap().count(Mark::Missing)
    };
    assert_eq!(run(Some(Duration::ZERO)), 9);
    assert!(told.load(Ordering::SeqCst) && calls(folder.path()).is_empty());
    // Nothing is left claimed.
    assert_eq!(run(None), 0);
    assert_eq!(calls(folder.path()).len(), 9);
}
