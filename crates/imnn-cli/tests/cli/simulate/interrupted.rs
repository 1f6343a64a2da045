//! Kills, interrupts, and going on afterwards.

use super::{Place, SIMS, contains, names, runs, signal, start, text, until};

#[test]
fn killed_half_way_it_goes_on_where_it_was() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 30\nn_d = 30"));
    // A file is there for a while before it is complete.
    place.simulator("sh line.sh $1 $2 $3.whole\nhead -c 100 $3.whole > $3\nsleep 0.02\ncp $3.whole $3\nexit");
    let mut child = start(&place.arguments("set", &["--quiet"]));
    until("half of the simulations", || place.simulations("set").len() >= 40);
    child.kill().expect("killed");
    assert!(!child.wait().expect("it ends").success());

    let before = place.simulations("set");
    assert!(before.len() < 90, "it was too late");
    for name in before.keys() {
        assert_eq!(place.array(&format!("set/{name}")).shape(), [10], "{name}");
    }
    assert_eq!(names(&place.path("set/.running")).len(), 1);
    contains(&place.makes("set", &[]), &[&format!("in this run: {} done, 0 failed", 90 - before.len()), "complete"]);
    let after = place.simulations("set");
    assert_eq!(after.len(), 90);
    assert!(!place.path("set/.running").exists());
    let calls = place.calls();
    for (name, bytes) in &before {
        assert_eq!(after[name], *bytes, "{name}");
        let (vector, seed) = name.trim_end_matches(".npy").split_once('/').expect("a folder");
        let slope = match vector {
            "fiducial" => "1.0",
            "slope_m" => "0.75",
            _ => "1.25",
        };
        assert_eq!(calls[&format!("{seed} {slope}")], 1, "{name} was made again");
    }
    // Those that were running were started twice, no others.
    assert!(calls.values().sum::<usize>() <= 90 + 3, "{calls:?}");
    let whole = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 30\nn_d = 30"));
    whole.makes("set", &[]);
    assert_eq!(after, whole.simulations("set"));
}

#[test]
fn an_interrupt_ends_all_programs_with_their_children() {
    interrupts("INT");
}

#[test]
fn so_does_the_signal_by_which_batch_systems_end_programs() {
    interrupts("TERM");
}

#[track_caller]
fn interrupts(name: &str) {
    let place = Place::new(SIMS);
    place.simulator("if [ \"$1\" != 10 ]; then sleep 1000 & echo $! >> children; wait; fi");
    let child = start(&place.arguments("set", &[]));
    let children = || std::fs::read_to_string(place.path("children")).unwrap_or_default();
    until("three programs that wait", || children().lines().count() == 3);
    assert!(signal(name, &child.id().to_string()));
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    contains(&text(&output.stdout), &["all          3       0       11\n", "in this run: 3 done, 0 failed"]);
    contains(&text(&output.stderr), &["interrupted: 11 simulations are missing; the same command goes on with them"]);
    for pid in children().lines() {
        until("the children to be gone", || !runs(pid));
    }
    assert_eq!(names(&place.path("set")), ["fiducial", "simulate.toml", "slope_m", "slope_p"]);
    place.simulator("");
    contains(&place.makes("set", &[]), &["in this run: 11 done, 0 failed", "complete"]);
}
