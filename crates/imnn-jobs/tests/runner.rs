//! Programs as they are run: what is made, what is tried again, and what is left alone.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use imnn_data::ArrayPath;
use imnn_data::arrays::{read, write_npy};
use imnn_jobs::{Again, DataSet, Design, Event, Failure, Mark, RunOptions, Status};
use ndarray::{ArrayD, array};

/// A folder with arrays that a shell script copies: `any.npy` of two numbers, `other.npy` of two others, `long.npy` of three.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let arrays = [("any", array![1.0, 2.0]), ("other", array![3.0, 4.0]), ("long", array![1.0, 2.0, 3.0])];
        for (name, array) in arrays {
            write_npy(place.path(&format!("{name}.npy")), array.into_dyn().view()).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Three seeds at the fiducial, the first of them below and above it too; the script is told of seed, parameter and file
    /// as `$1`, `$2` and `$3`.
    fn set(&self, script: &str) -> DataSet {
        let script = format!("echo $1 $2 >> calls; {script}");
        let design = Design {
            theta_fid: vec![0.5],
            parameters: vec!["a".into()],
            theta_below: vec![0.25],
            theta_above: vec![0.75],
            n_s: 3,
            n_d: 1,
            first_seed: 4,
            shape: None,
            command: ["sh", "-c", &script, "sh", "{seed}", "{theta}", "{out}"].map(String::from).to_vec(),
            dir: self.0.path().into(),
        };
        DataSet::create(self.path("set"), design).unwrap()
    }

    fn options(&self) -> RunOptions {
        RunOptions::new(self.0.path(), 1)
    }

    /// Runs all; what there is then, and how many were done and which failed while somebody looked on.
    fn run(&self, script: &str, options: &RunOptions) -> (Status, usize, Vec<Failure>) {
        let seen = Mutex::new((0, vec![]));
        let status = self.set(script).run(options, &AtomicBool::new(false), &|event| match event {
            Event::Done => seen.lock().unwrap().0 += 1,
            Event::Failed(failure) => seen.lock().unwrap().1.push(failure.clone()),
            _ => {}
        });
        let (done, failed) = seen.into_inner().unwrap();
        (status.unwrap(), done, failed)
    }

    /// Seed and parameter of every program that was run.
    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn array(&self, name: &str) -> ArrayD<f64> {
        read(&ArrayPath::from(self.path(name).as_path())).unwrap()
    }
}

#[test]
fn everything_is_made_once_seed_by_seed() {
    let place = Place::new();
    let (status, done, failed) = place.run("cp any.npy $3", &place.options());
    assert_eq!((status.count(Mark::Done), done, failed.len()), (5, 5, 0));
    // A few seeds at the fiducial come first.
    assert_eq!(place.calls(), ["4 0.5", "5 0.5", "6 0.5", "4 0.25", "4 0.75"]);
    assert_eq!(place.array("set/a_p/4.npy"), place.array("any.npy"));
    assert!(!place.path("set/.running").exists() && !place.path("set/failures.json").exists());
    place.run("cp any.npy $3", &place.options());
    assert_eq!(place.calls().len(), 5);
}

#[test]
fn what_another_process_does_meanwhile_is_not_done_again() {
    let place = Place::new();
    // While the first program runs, another process makes the last simulation.
    let (status, done, _) = place.run("cp other.npy set/fiducial/6.npy; cp any.npy $3", &place.options());
    assert_eq!((status.count(Mark::Done), done), (5, 5));
    assert_eq!(place.calls(), ["4 0.5", "5 0.5", "4 0.25", "4 0.75"]);
    assert_eq!(place.array("set/fiducial/6.npy"), place.array("other.npy"));
    // A file that does not fit is none.
    let place = Place::new();
    let (status, ..) =
        place.run("[ -e once ] || cp long.npy set/fiducial/6.npy; touch once; cp any.npy $3", &place.options());
    assert_eq!((status.count(Mark::Done), place.calls().len()), (5, 5));
    assert_eq!(place.array("set/fiducial/6.npy"), place.array("any.npy"));
}

#[test]
fn who_fails_where_another_process_has_done_it_has_not_failed() {
    let place = Place::new();
    let script = "cp any.npy $3; [ $2 = 0.5 ] || exit 0; cp other.npy set/fiducial/$1.npy; exit 1";
    let (status, done, failed) = place.run(script, &place.options());
    assert_eq!((status.count(Mark::Done), done, failed.len(), place.calls().len()), (5, 5, 0, 5));
    assert_eq!(place.array("set/fiducial/5.npy"), place.array("other.npy"));
    assert!(!place.path("set/failed").exists());
}

#[test]
fn failures_are_tried_again_as_often_as_asked_for() {
    let place = Place::new();
    // Seed 5 comes out right at its fourth call.
    let script = "if [ $1 = 5 ] && [ $(grep -c '^5 ' calls) -lt 4 ]; then echo no luck; exit 3; fi; cp any.npy $3";
    let once = RunOptions { retries: 1, ..place.options() };
    let (status, done, failed) = place.run(script, &once);
    assert_eq!((done, status.count(Mark::Failed), place.calls().len()), (4, 1, 4 + 2));
    assert_eq!((failed.len(), &failed), (1, &status.failures));
    let Failure { vector, seed, kind, attempts, tail, log, .. } = &failed[0];
    assert_eq!(
        (vector.as_str(), *seed, kind.as_str(), *attempts, tail.as_str()),
        ("fiducial", 5, "exit", 2, "no luck")
    );
    assert_eq!(std::fs::read_to_string(place.path("set").join(log)).unwrap(), "no luck\n");
    assert!(place.path("set/failures.json").exists());
    // What failed is left alone unless it is asked for.
    place.run(script, &once);
    assert_eq!(place.calls().len(), 6);
    let (status, done, _) = place.run(script, &RunOptions { retry_failed: true, ..once });
    assert_eq!((status.count(Mark::Done), done, place.calls().len()), (5, 1, 8));
    assert!(!place.path("set/failed").exists() && !place.path("set/failures.json").exists());
}

#[test]
fn the_first_says_how_the_others_have_to_be() {
    let place = Place::new();
    let (_, done, failed) = place.run("[ $1 = 5 ] && cp long.npy $3 || cp any.npy $3", &place.options());
    assert_eq!((done, failed.len(), failed[0].kind.as_str()), (4, 1, "shape"));
    assert!(
        failed[0].reason.contains("shape [3], expected [2] as the first that was made has"),
        "{}",
        failed[0].reason
    );
    let place = Place::new();
    let (_, _, failed) = place.run("[ $1 != 6 ] && cp any.npy $3 || cp any.npy $3.npy", &place.options());
    assert!(
        failed[0].kind == "no_output" && failed[0].reason.contains(", but out.npy.npy beside it; the name has to be"),
        "{failed:?}"
    );
}

#[test]
fn programs_that_all_fail_alike_are_not_started_any_more() {
    let place = Place::new();
    let design = Design { n_s: 20, n_d: 20, ..place.set("true").design().clone() };
    let make = |script: &str, options: &RunOptions| {
        let command = ["sh", "-c", script, "sh", "{seed}", "{theta}", "{out}"].map(String::from).to_vec();
        let set = DataSet::create(place.path(&script.len().to_string()), Design { command, ..design.clone() }).unwrap();
        set.run(options, &AtomicBool::new(false), &|_| {}).unwrap()
    };
    for jobs in [1, 4] {
        let script = format!("echo \"seed $1 is bad\"; exit {jobs}{}", " ".repeat(jobs));
        let options = RunOptions { jobs, ..place.options() };
        let status = make(&script, &options);
        let failed = status.count(Mark::Failed);
        assert!((3..3 + jobs).contains(&failed) && status.count(Mark::Missing) + failed == 60, "{failed}");
        assert!(status.no_more.as_ref().is_some_and(|failure| failure.tail.contains("is bad")), "{:?}", status.no_more);
        // What has not been tried is tried by the next start.
        let again = make(&script, &options).count(Mark::Failed);
        assert!((failed + 3..failed + 3 + jobs).contains(&again), "{again}");
    }
    // They fail otherwise, or one does not.
    for script in ["exit $1", "[ $1 != 5 ] && exit 1; cp any.npy $3"] {
        let status = make(script, &place.options());
        assert!(status.no_more.is_none() && status.count(Mark::Missing) == 0, "{script}");
    }
}

#[test]
fn the_first_simulation_is_made_twice_where_that_is_asked_for() {
    let again = |script: &str| {
        let place = Place::new();
        let told = Mutex::new(vec![]);
        let options = RunOptions { again: true, ..place.options() };
        let status = place.set(script).run(&options, &AtomicBool::new(false), &|event| {
            if let Event::Again { seed, again } = event {
                told.lock().unwrap().push((seed, again));
            }
        });
        (status.unwrap(), told.into_inner().unwrap(), place.calls())
    };
    let (status, told, calls) = again("cp any.npy $3");
    assert_eq!((told, calls.len(), status.count(Mark::Done)), (vec![(4, Again::Same)], 6, 5));
    assert_eq!(calls[..2], ["4 0.5", "4 0.5"]);
    // The second time it is another.
    let (status, told, calls) = again("[ $(grep -c . calls) = 1 ] && cp any.npy $3 || cp other.npy $3");
    assert_eq!((told, calls.len(), status.count(Mark::Done), status.count(Mark::Missing)), (vec![], 2, 0, 4));
    let failure = status.no_more.unwrap();
    assert_eq!((failure.seed, failure.kind.as_str()), (4, "not_repeated"));
    assert!(failure.reason.contains("gave other numbers the second time"), "{}", failure.reason);
    // The second time it fails.
    let (status, told, _) = again("[ $(grep -c . calls) = 2 ] || cp any.npy $3");
    assert_eq!((told, status.count(Mark::Done)), (vec![(4, Again::Failed)], 5));
}

#[test]
fn a_part_of_the_seeds_is_made_if_that_is_asked_for() {
    let place = Place::new();
    let second = RunOptions { shard: "2/2".parse().unwrap(), ..place.options() };
    let (status, done, _) = place.run("cp any.npy $3", &second);
    assert_eq!((status.count(Mark::Done), done, place.calls()), (1, 1, vec!["5 0.5".to_owned()]));
}

#[test]
fn programs_end_when_their_time_is_over() {
    let place = Place::new();
    let short = RunOptions { timeout: Some(Duration::from_millis(500)), ..place.options() };
    let (_, done, failed) = place.run("cp any.npy $3; [ $1 != 6 ] || sleep 100", &short);
    assert_eq!((done, failed.len(), failed[0].kind.as_str()), (4, 1, "timeout"));
    assert!(failed[0].reason.contains("the timeout of 0.5 s"), "{}", failed[0].reason);
}

#[test]
fn what_is_not_begun_when_all_is_to_stop_is_missing() {
    let place = Place::new();
    let stop = AtomicBool::new(false);
    let watch = |event: Event<'_>| stop.store(matches!(event, Event::Done), Ordering::SeqCst);
    let status = place.set("cp any.npy $3").run(&place.options(), &stop, &watch).unwrap();
    assert_eq!([Mark::Done, Mark::Missing, Mark::Failed].map(|mark| status.count(mark)), [1, 4, 0]);
    assert!(!place.path("set/.running").exists());
}

#[test]
fn of_a_shape_that_is_given_the_first_says_the_type() {
    let place = Place::new();
    write_npy(place.path("single.npy"), array![1_f32, 2.0].into_dyn().view()).unwrap();
    let set = place.set("[ $1 = 6 ] && cp single.npy $3 || cp any.npy $3");
    let design = Design { shape: Some(vec![2]), ..set.design().clone() };
    let set = DataSet::create(place.path("shaped"), design).unwrap();
    let status = set.run(&place.options(), &AtomicBool::new(false), &|_| {}).unwrap();
    let failed: Vec<_> = status.failures.iter().map(|failure| (failure.seed, failure.kind.as_str())).collect();
    assert_eq!((status.count(Mark::Done), failed), (4, vec![(6, "shape")]));
}
