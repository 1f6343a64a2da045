//! The end of a process that waits too long, seen from outside.

use imnn_ranks::{Ranks, Threads, Timeout, Watchdog, Watched};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Set in the process that is to be ended.
const CHILD: &str = "IMNN_RANKS_TEST_CHILD";

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs one test of this program in another process.
fn child(test: &str) -> (Output, Duration) {
    let start = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(CHILD, "1")
        .output()
        .unwrap();
    (output, start.elapsed())
}

fn after(milliseconds: u64) -> Timeout {
    Timeout::After(Duration::from_millis(milliseconds))
}

#[test]
fn a_rank_that_waits_too_long_ends_its_process() {
    if is_child() {
        // Rank 1 is there and never comes.
        let mut ranks = Threads::new(2);
        let _absent = ranks.pop();
        let ranks = Watched::new(ranks.remove(0), after(300)).unwrap();
        ranks.purpose("the gradient of iteration 812");
        let _ = ranks.gather(&[1], &mut [0; 2], &[1, 1]);
        std::process::exit(0);
    }
    let (output, time) = child("watchdog::a_rank_that_waits_too_long_ends_its_process");
    assert_eq!(output.status.signal(), Some(9), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stderr.lines().find(|line| line.starts_with("rank 0 of 2 on ")).unwrap();
    assert!(
        line.contains(" ms in the gradient of iteration 812; the log of the rank that is missing says why"),
        "{line}"
    );
    assert!(time >= Duration::from_millis(300) && time < Duration::from_secs(30), "{time:?}");
}

/// Ranks whose end takes for ever, as that of MPI does without the others.
struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

impl Ranks for Endless {
    fn rank(&self) -> usize {
        3
    }

    fn size(&self) -> usize {
        4
    }

    fn gather(&self, _: &[u8], _: &mut [u8], _: &[usize]) -> Result<(), imnn_ranks::RanksError> {
        Ok(())
    }

    fn exchange(&self, _: &[u8], _: &[usize], _: &mut [u8], _: &[usize]) -> Result<(), imnn_ranks::RanksError> {
        Ok(())
    }

    fn broadcast(&self, _: &mut [u8]) -> Result<(), imnn_ranks::RanksError> {
        Ok(())
    }
}

#[test]
fn the_end_of_the_ranks_is_watched_too() {
    if is_child() {
        drop(Watched::new(Endless, after(200)).unwrap());
        std::process::exit(0);
    }
    let (output, _) = child("watchdog::the_end_of_the_ranks_is_watched_too");
    assert_eq!(output.status.signal(), Some(9), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("rank 3 of 4 on ") && stderr.contains(" in the end of all ranks; "), "{stderr}");
}

#[test]
fn work_between_calls_takes_as_long_as_it_takes() {
    let ranks = Watched::new(Threads::new(1).remove(0), after(200)).unwrap();
    for _ in 0..3 {
        ranks.gather(&[1], &mut [0], &[1]).unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    assert_eq!((ranks.rank(), ranks.size(), ranks.get().size()), (0, 1, 1));
}

#[test]
fn where_all_are_slow_nobody_is_gone() {
    let watchdog = Watchdog::new("rank 0", after(400)).unwrap();
    let what: Arc<str> = "a call".into();
    // Three in a row are longer than the limit, none is; and then 600 ms are less than 400 ms and ten times 150 ms.
    for _ in 0..3 {
        watchdog.watch(&what, || std::thread::sleep(Duration::from_millis(150)));
    }
    watchdog.watch(&what, || std::thread::sleep(Duration::from_millis(600)));
}

#[test]
fn zero_is_never() {
    assert_eq!(Timeout::from(Duration::ZERO), Timeout::Never);
    assert_eq!(Timeout::from(Duration::from_secs(600)), Timeout::default());
    let watchdog = Watchdog::new("rank 0", Timeout::Never).unwrap();
    watchdog.watch(&"a call".into(), || std::thread::sleep(Duration::from_millis(50)));
}
