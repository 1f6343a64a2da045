//! Blocks hold the numbers of single files, whatever fails, is interrupted, or done by whom.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use imnn_data::arrays::write_npy;
use imnn_data::{ArrayPath, Files, ParameterSteps, RowOptions, open_rows};
use imnn_jobs::{DataSet, Design, Event, Mark, RunOptions, Status};
use ndarray::array;

/// A folder in which all simulations lie, to be copied by the program; it adds a line to `calls` for each, and fails where
/// there is a file of the simulation's name in `wrong`.
struct Place(tempfile::TempDir);

const SEEDS: std::ops::Range<u64> = 7..70;
const FIRST: u64 = 7;

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for folder in ["all", "wrong"] {
            std::fs::create_dir(place.path(folder)).unwrap();
        }
        for seed in SEEDS {
            for theta in [0.25, 0.5, 0.75] {
                let (a, b) = (seed as f64 / 3.0, theta * seed as f64);
                let map = array![[a, b, 1.0], [a + b, a - b, 1.0 / a]].into_dyn();
                write_npy(place.path(&format!("all/{seed}_{theta}.npy")), map.view()).unwrap();
            }
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set(&self, name: &str, n_s: usize, n_d: usize) -> DataSet {
        let script = "echo $1 $2 >> calls; [ -e wrong/$1_$2 ] && exit 1; cp all/$1_$2.npy $3";
        let design = Design {
            theta_fid: vec![0.5],
            parameters: vec!["a".into()],
            theta_below: vec![0.25],
            theta_above: vec![0.75],
            n_s,
            n_d,
            first_seed: FIRST,
            shape: None,
            command: ["sh", "-c", script, "sh", "{seed}", "{theta}", "{out}"].map(String::from).to_vec(),
            dir: self.0.path().into(),
        };
        DataSet::create(self.path(name), design).unwrap()
    }

    fn options(&self, block: usize) -> RunOptions {
        RunOptions { block: NonZero::new(block), ..RunOptions::new(self.0.path(), 2) }
    }

    fn wrong(&self, name: &str) {
        std::fs::write(self.path("wrong").join(name), "").unwrap();
    }

    fn right(&self) {
        std::fs::remove_dir_all(self.path("wrong")).unwrap();
        std::fs::create_dir(self.path("wrong")).unwrap();
    }

    /// How often each program was run, since this was asked last.
    fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for line in std::fs::read_to_string(self.path("calls")).unwrap_or_default().lines() {
            *calls.entry(line.to_owned()).or_default() += 1;
        }
        let _ = std::fs::remove_file(self.path("calls"));
        calls
    }
}

fn run(set: &DataSet, options: &RunOptions) -> Status {
    set.run(options, &AtomicBool::new(false), &|_| {}).unwrap()
}

/// The names in the folder of a vector.
fn names(set: &DataSet, vector: usize) -> Vec<String> {
    let folder = set.root().join(&set.vectors()[vector].name);
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_by_key(|name| name.split(['-', '.']).next().and_then(|seed| seed.parse::<u64>().ok()));
    names
}

/// The simulations of each vector by seed, as bits.
fn simulations(set: &DataSet) -> Vec<BTreeMap<u64, Vec<u64>>> {
    let of = |folder: &Path| {
        let array = open_rows::<f64>(&ArrayPath::from(folder.join("{seeds}.npy")), &RowOptions::default());
        let Ok(array) = array else { return BTreeMap::new() };
        assert_eq!(array.shape()[1..], [2, 3]);
        let mut values = vec![0.0; array.shape()[0] * 6];
        array.read(0..array.shape()[0], &mut values).unwrap();
        let rows = values.chunks(6).map(|row| row.iter().map(|value| value.to_bits()).collect());
        array.seeds().unwrap().iter().copied().zip(rows).collect()
    };
    set.vectors().iter().map(|vector| of(&set.root().join(&vector.name))).collect()
}

/// Whether a set is in as few files as there can be, and nothing else is left in its folders.
#[track_caller]
fn is_packed(set: &DataSet, block: usize) {
    for (k, seeds) in simulations(set).iter().enumerate() {
        let mut runs: Vec<(u64, u64)> = vec![];
        for &seed in seeds.keys() {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == seed && !(seed - FIRST).is_multiple_of(block as u64) => *last = seed,
                _ => runs.push((seed, seed)),
            }
        }
        let expected: Vec<String> = runs.into_iter().map(|(first, last)| format!("{first}-{last}.npy")).collect();
        assert_eq!(names(set, k), expected);
    }
}

/// Numbers that are the same in every run of the tests.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

#[test]
fn blocks_hold_the_numbers_of_single_files() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for case in 0..4 {
        let place = Place::new();
        let n_s = 2 + random.below(16);
        let (n_d, block) = (1 + random.below(n_s), 2 + random.below(9));
        for _ in 0..random.below(6) {
            let theta = [0.25, 0.5, 0.75][random.below(3)];
            place.wrong(&format!("{}_{theta}", FIRST + random.below(n_s) as u64));
        }
        let (single, blocks) = (place.set("single", n_s, n_d), place.set("blocks", n_s, n_d));
        let (of_single, of_blocks) = (run(&single, &place.options(0)), run(&blocks, &place.options(block)));
        let what = format!("case {case}: n_s = {n_s}, n_d = {n_d}, block = {block}");
        assert_eq!(simulations(&single), simulations(&blocks), "{what}");
        assert_eq!(single.usable_seeds(&of_single), blocks.usable_seeds(&of_blocks), "{what}");
        assert_eq!((of_single.failures.len(), of_blocks.unpacked), (of_blocks.failures.len(), 0), "{what}");
        is_packed(&blocks, block);
        if blocks.usable_seeds(&of_blocks).1 > 0 {
            single.collect(&of_single).unwrap();
            blocks.collect(&of_blocks).unwrap();
            for name in ["fiducial.npy", "derivative.npy"] {
                let read = |set: &DataSet| std::fs::read(set.root().join(name)).unwrap();
                assert!(read(&single) == read(&blocks), "{what}, {name}");
            }
        }
        // The fault is repaired, and more is asked for, in blocks of another size or the same.
        place.right();
        place.calls();
        let (n_s, block) = (n_s + random.below(12), if random.below(2) == 0 { block } else { 2 + random.below(9) });
        let (single, blocks) = (place.set("single", n_s, n_s), place.set("blocks", n_s, n_s));
        let again = |block| RunOptions { retry_failed: true, ..place.options(block) };
        run(&single, &again(0));
        let of_single = place.calls();
        let status = run(&blocks, &again(block));
        assert_eq!((status.count(Mark::Done), status.unpacked), (3 * n_s, 0), "{what}");
        assert_eq!(place.calls(), of_single, "{what}");
        assert_eq!(simulations(&single), simulations(&blocks), "{what}");
        assert!(!blocks.root().join(".claims").exists() && !blocks.root().join(".running").exists());
    }
}

#[test]
fn a_short_block_grows_and_gaps_are_filled() {
    let place = Place::new();
    place.wrong("10_0.5");
    place.wrong("12_0.5");
    let set = place.set("set", 9, 2);
    let status = run(&set, &place.options(6));
    assert_eq!(status.count(Mark::Failed), 2);
    assert_eq!(names(&set, 0), ["7-9.npy", "11-11.npy", "13-15.npy"]);
    assert_eq!(names(&set, 1), ["7-8.npy"]);
    place.right();
    // A part of what is new, and what had failed.
    let more = place.set("set", 16, 4);
    let part = RunOptions { shard: "2/2".parse().unwrap(), ..place.options(6) };
    run(&more, &part);
    assert_eq!(names(&more, 0), ["7-9.npy", "11-11.npy", "13-18.npy"]);
    run(&more, &RunOptions { retry_failed: true, ..place.options(6) });
    assert_eq!(names(&more, 0), ["7-12.npy", "13-18.npy", "19-22.npy"]);
    assert_eq!(names(&more, 1), ["7-10.npy"]);
    is_packed(&more, 6);
}

#[test]
fn what_a_killed_process_left_is_put_together() {
    let place = Place::new();
    let set = place.set("set", 12, 12);
    run(&set, &place.options(5));
    let whole = simulations(&set);
    let folder = set.root().join("fiducial");
    let single = |seed: u64| {
        std::fs::copy(place.path(&format!("all/{seed}_0.5.npy")), folder.join(format!("{seed}.npy"))).unwrap();
    };
    place.calls();
    // Killed after the block had come, and before all of what it is made of had gone.
    (9..12).for_each(single);
    let status = set.status().unwrap();
    assert_eq!((status.count(Mark::Done), status.unusable.len()), (36, 0));
    assert_eq!(simulations(&set), whole);
    assert_eq!(set.overview().unwrap().vectors[0].done, 12);
    run(&set, &place.options(5));
    is_packed(&set, 5);
    // Killed before the block had come.
    std::fs::remove_file(folder.join("12-16.npy")).unwrap();
    (12..17).for_each(single);
    run(&set, &place.options(5));
    is_packed(&set, 5);
    assert_eq!((simulations(&set), place.calls().len()), (whole, 0));
}

#[test]
fn a_block_that_was_cut_short_is_made_again() {
    let place = Place::new();
    let set = place.set("set", 12, 12);
    run(&set, &place.options(5));
    let whole = simulations(&set);
    place.calls();
    let path = set.root().join("a_p/12-16.npy");
    let bytes = std::fs::read(&path).unwrap();
    for cut in [bytes.len() - 1, 100, 0] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let status = set.status().unwrap();
        assert_eq!((status.count(Mark::Missing), status.unusable.len()), (5, 1));
        assert_eq!(run(&set, &place.options(5)).count(Mark::Done), 36);
        assert_eq!((simulations(&set), place.calls().len()), (whole.clone(), 5));
        is_packed(&set, 5);
    }
    // One whose name promises more than there is, and one that is damaged where a seed fails now.
    std::fs::rename(&path, set.root().join("a_p/12-17.npy")).unwrap();
    assert_eq!(set.status().unwrap().count(Mark::Missing), 5);
    run(&set, &place.options(5));
    is_packed(&set, 5);
    std::fs::write(&path, &bytes[..100]).unwrap();
    place.wrong("14_0.75");
    let status = run(&set, &place.options(5));
    assert_eq!((status.count(Mark::Failed), status.count(Mark::Missing), status.unpacked), (1, 0, 0));
    assert_eq!(names(&set, 2), ["7-11.npy", "12-13.npy", "15-16.npy", "17-18.npy"]);
}

#[test]
fn blocks_and_single_files_may_be_changed_for_each_other() {
    let place = Place::new();
    let set = place.set("set", 10, 3);
    run(&set, &place.options(0));
    let whole = simulations(&set);
    place.calls();
    run(&set, &place.options(4));
    assert_eq!(names(&set, 0), ["7-10.npy", "11-14.npy", "15-16.npy"]);
    run(&set, &place.options(8));
    assert_eq!(names(&set, 0), ["7-14.npy", "15-16.npy"]);
    // Nothing is divided: what reaches beyond a block stays.
    run(&set, &place.options(3));
    assert_eq!(names(&set, 0), ["7-14.npy", "15-16.npy"]);
    run(&set, &place.options(0));
    assert_eq!((simulations(&set), place.calls().len()), (whole, 0));
    let more = place.set("set", 14, 3);
    run(&more, &place.options(0));
    assert_eq!(names(&more, 0), ["7-14.npy", "15-16.npy", "17.npy", "18.npy", "19.npy", "20.npy"]);
    run(&more, &place.options(3));
    assert_eq!(names(&more, 0), ["7-14.npy", "15-16.npy", "17-18.npy", "19-20.npy"]);
}

#[test]
fn several_at_once_make_and_pack_each_once() {
    for claim in [true, false] {
        let place = Place::new();
        place.wrong("20_0.5");
        let whole = place.set("whole", 40, 30);
        run(&whole, &place.options(0));
        place.calls();
        let set = place.set("set", 40, 30);
        // All have looked before one fails: what fails between looking and beginning is tried again.
        let looked = std::sync::Barrier::new(3);
        std::thread::scope(|scope| {
            for k in 0..3 {
                let (set, place, looked) = (&set, &place, &looked);
                scope.spawn(move || {
                    let shard = if claim { "1/1".to_owned() } else { format!("{}/3", k + 1) };
                    let options = RunOptions { claim, shard: shard.parse().unwrap(), ..place.options(7) };
                    let wait = |event: Event<'_>| {
                        if let Event::Start { .. } = event {
                            looked.wait();
                        }
                    };
                    set.run(&options, &AtomicBool::new(false), &wait).unwrap()
                });
            }
        });
        run(&set, &RunOptions { claim, ..place.options(7) });
        assert_eq!(simulations(&set), simulations(&whole), "claim = {claim}");
        is_packed(&set, 7);
        let calls = place.calls();
        assert!(calls.len() == 100 && calls.values().all(|&n| n == 1), "claim = {claim}: {calls:?}");
    }
}

#[test]
fn what_others_have_put_into_blocks_meanwhile_is_not_made_again() {
    for claim in [true, false] {
        let place = Place::new();
        place.wrong("9_0.5");
        let set = place.set("set", 10, 10);
        // Another process does all of it when it has been settled what is to be done.
        let watch = |event: Event<'_>| {
            if let Event::Start { .. } = event {
                run(&set, &RunOptions { claim, ..place.options(4) });
                place.right();
                assert_eq!(place.calls().len(), 30);
            }
        };
        let options = RunOptions { claim, ..place.options(4) };
        let status = set.run(&options, &AtomicBool::new(false), &watch).unwrap();
        assert_eq!(status.count(Mark::Done) + status.count(Mark::Failed), 30);
        assert_eq!((place.calls().len(), status.unpacked), (1, 0), "the one that had failed");
        is_packed(&set, 4);
    }
}

#[test]
fn when_everything_is_to_stop_nothing_more_is_packed() {
    let place = Place::new();
    let set = place.set("set", 6, 6);
    run(&set, &place.options(0));
    let status = set.run(&place.options(3), &AtomicBool::new(true), &|_| {}).unwrap();
    assert_eq!((status.unpacked, names(&set, 0).len()), (6, 6));
    let stop = AtomicBool::new(false);
    let before = place.set("other", 6, 6);
    let watch = |event: Event<'_>| stop.store(matches!(event, Event::Done), Ordering::SeqCst);
    before.run(&place.options(3), &stop, &watch).unwrap();
    assert!(names(&before, 0).iter().all(|name| !name.contains('-')));
    assert_eq!(run(&before, &place.options(3)).unpacked, 0);
    is_packed(&before, 3);
}

#[test]
fn simulations_in_blocks_are_matched_by_seed() {
    let place = Place::new();
    place.wrong("9_0.25");
    place.wrong("12_0.5");
    let (single, blocks) = (place.set("single", 12, 9), place.set("blocks", 12, 9));
    run(&single, &place.options(0));
    run(&blocks, &place.options(4));
    let files = |set: &DataSet, seeds: &str| {
        let path = |vector: &str| ArrayPath::from(set.root().join(vector).join(seeds));
        let steps = ParameterSteps::between(vec![0.25], vec![0.75]).unwrap();
        let files = Files::sides(path("fiducial"), vec![path("a_m")], vec![path("a_p")], steps);
        Files { n_s: Some(11), n_d: Some(7), ..files }.load::<f64>().unwrap()
    };
    let (of_single, of_blocks) = (files(&single, "{seed}.npy"), files(&blocks, "{seeds}.npy"));
    assert_eq!(of_single.fiducial(), of_blocks.fiducial());
    assert_eq!(of_single.derivative(), of_blocks.derivative());
}
