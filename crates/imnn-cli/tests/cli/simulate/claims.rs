//! Several processes that take the next simulation each.

use super::{Place, SIMS, contains, names, start, text, until};

/// A simulator that waits with some of its simulations until there is a file `go`.
fn waits(with: &str) -> String {
    format!("case \"$1 $2\" in {with}) while [ ! -e go ]; do sleep 0.01; done ;; esac")
}

/// What "in this run: n done" says.
#[track_caller]
fn done(printed: &str) -> usize {
    let line = printed.lines().find_map(|line| line.strip_prefix("in this run: ")).expect("a line");
    line.split_once(" done").expect("a number").0.parse().expect("a number")
}

#[test]
fn processes_at_once_make_each_simulation_once() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 30\nn_d = 20"));
    place.makes("whole", &[]);
    std::fs::remove_file(place.path("calls")).expect("there");
    // So that they meet: none has ended before all have started.
    place.simulator(&waits("*"));
    let running: Vec<_> = (0..3).map(|_| start(&place.arguments("set", &["--claim", "--quiet"]))).collect();
    until("nine programs that wait", || place.calls().len() == 9);
    place.write("go", "");
    let mut sum = 0;
    for child in running {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        sum += done(&text(&output.stdout));
    }
    let calls = place.calls();
    assert!(calls.len() == 70 && calls.values().all(|&n| n == 1), "{calls:?}");
    assert_eq!(sum, 70);
    assert_eq!(place.simulations("set"), place.simulations("whole"));
    // Whoever ends last finds all done, and leaves nothing of the claims.
    place.makes("set", &["--claim"]);
    assert_eq!(names(&place.path("set")), ["fiducial", "run.toml", "simulate.toml", "slope_m", "slope_p"]);
}

#[test]
fn what_a_living_process_has_is_left_to_it() {
    let place = Place::new(SIMS);
    place.simulator(&waits("'10 1.0' | '11 1.25'"));
    let first = start(&place.arguments("set", &["--claim", "--quiet", "--jobs", "14"]));
    until("all but two simulations", || place.simulations("set").len() == 12);
    until("two that wait", || place.calls().len() == 14);
    let printed = place.makes("set", &["--claim"]);
    contains(&printed, &["all         12       0        2\n", "in this run: 0 done, 0 failed\n"]);
    place.write("go", "");
    let output = first.wait_with_output().expect("it ends");
    contains(&text(&output.stdout), &["in this run: 14 done, 0 failed\n", "complete"]);
    assert!(place.calls().values().all(|&n| n == 1));
}

#[test]
fn what_a_killed_process_had_is_taken_over() {
    let place = Place::new(SIMS);
    place.simulator(&waits("'10 1.0' | '11 1.25'"));
    let mut killed = start(&place.arguments("set", &["--claim", "--quiet", "--jobs", "14"]));
    until("all but two simulations", || place.simulations("set").len() == 12 && place.calls().len() == 14);
    // A claim goes a moment after the simulation has come.
    until("their claims", || names(&place.path("set/.claims")).len() == 2);
    let before = place.simulations("set");
    killed.kill().expect("killed");
    killed.wait().expect("it ends");
    assert_eq!(names(&place.path("set/.claims")), ["fiducial-10", "slope_p-11"]);
    // The programs that it started may go on for nothing.
    place.write("go", "");
    contains(&place.makes("set", &["--claim"]), &["in this run: 2 done, 0 failed\n", "complete"]);
    let calls = place.calls();
    assert_eq!((calls["10 1.0"], calls["11 1.25"], calls.values().sum::<usize>()), (2, 2, 16));
    assert!(before.iter().all(|(name, bytes)| place.simulations("set")[name] == *bytes));
    assert!(!place.path("set/.claims").exists() && !place.path("set/.running").exists());
}

#[test]
fn kills_and_restarts_give_the_set_of_one_process() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 40\nn_d = 30"));
    place.makes("whole", &[]);
    let whole = place.simulations("whole");
    std::fs::remove_file(place.path("calls")).expect("there");
    place.simulator("sleep 0.02");
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |n: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % n as u64) as usize
    };
    let begin = || start(&place.arguments("set", &["--claim", "--quiet", "--jobs", "2"]));
    let mut running: Vec<_> = (0..3).map(|_| begin()).collect();
    let mut kills = 0;
    for round in 1..=8 {
        // At any point of what they do: while they start, claim, run and rename.
        let some = round * 10 + next(8);
        until("some more simulations", || place.simulations("set").len() >= some);
        let k = next(running.len());
        let mut victim = std::mem::replace(&mut running[k], begin());
        victim.kill().expect("killed");
        victim.wait().expect("it ends");
        kills += 1;
    }
    for child in running {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
    }
    // What was claimed by one that was killed when the others had ended already.
    place.makes("set", &["--claim"]);
    assert_eq!(place.simulations("set"), whole);
    assert!(!place.path("set/.claims").exists());
    let calls = place.calls();
    assert_eq!(calls.len(), 100);
    // Two programs ran in each process that was killed; nothing else was made twice.
    assert!(calls.values().sum::<usize>() <= 100 + 2 * kills, "{calls:?}");
}

#[test]
fn what_failed_elsewhere_is_not_tried_by_all() {
    let place = Place::new(SIMS);
    place.simulator(&format!("{}\n[ $1 = 12 ] && exit 3", waits("'10 1.0'")));
    // This one comes to the failures of the other after it has waited.
    let first = start(&place.arguments("set", &["--claim", "--quiet", "--jobs", "1", "--retry-failed"]));
    until("the first program", || place.calls().len() == 1);
    let (report, _) = place.fails("set", &["--claim", "--jobs", "1"]);
    assert_eq!((&report["done"], &report["failed"], &report["missing"]), (&10.into(), &3.into(), &1.into()));
    place.write("go", "");
    let output = first.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    contains(&text(&output.stdout), &["in this run: 1 done, 0 failed"]);
    assert!(place.calls().values().all(|&n| n == 1), "{:?}", place.calls());
    place.simulator("");
    contains(&place.makes("set", &["--claim", "--retry-failed"]), &["in this run: 3 done, 0 failed", "complete"]);
}

#[test]
fn what_is_done_meanwhile_is_not_done_again() {
    let place = Place::new(SIMS);
    place.simulator(&waits("'10 1.0'"));
    // Without claims, with a list of what is to be done from before the other started.
    let first = start(&place.arguments("set", &["--quiet", "--jobs", "1"]));
    until("the first program", || place.calls().len() == 1);
    place.makes("set", &["--shard", "2/2"]);
    assert_eq!(place.calls().len(), 1 + 7);
    place.write("go", "");
    let output = first.wait_with_output().expect("it ends");
    contains(&text(&output.stdout), &["all         14       0        0\n", "complete"]);
    assert!(place.calls().len() == 14 && place.calls().values().all(|&n| n == 1), "{:?}", place.calls());
}

#[test]
fn claims_and_shards_are_not_mixed() {
    let place = Place::new(SIMS);
    let output = place.simulate("set", &["--claim", "--shard", "1/2"]);
    assert_eq!(output.status.code(), Some(2));
    contains(&text(&output.stderr), &["--claim", "cannot be used with", "--shard"]);
}
