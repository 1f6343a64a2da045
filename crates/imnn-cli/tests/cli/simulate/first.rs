//! What the first simulations show: that none can be made, or that they do not repeat.

use super::{Place, SIMS, contains, text};

fn checked() -> Place {
    Place::new(&SIMS.replace("check = \"off\"\n", "").replace("jobs = 3", "jobs = 1"))
}

#[test]
fn a_simulator_that_always_fails_is_not_started_any_more() {
    let place = checked();
    place.simulator("echo \"no library for seed $1\" >&2; exit 127");
    for more in [&["--quiet"][..], &["--quiet", "--skip-failed", "--retry-failed"]] {
        let output = place.simulate("set", more);
        assert_eq!(output.status.code(), Some(1));
        contains(
            &text(&output.stderr),
            &[
                "failed alike, and no more were started: seed 10 of fiducial: it ended with exit code 127",
                "--retry-failed",
            ],
        );
        contains(&text(&output.stdout), &["| no library for seed 10", "all          0       3       11"]);
    }
    assert!(!place.path("set/run.toml").exists());
    // Mended.
    place.simulator("");
    contains(&place.makes("set", &["--retry-failed"]), &["complete: 6 simulations, 4 of them"]);
}

#[test]
fn the_first_seed_is_run_twice() {
    let place = checked();
    let made = place.makes("set", &[]);
    assert!(!made.contains("the second time"), "{made}");
    let calls = place.calls();
    assert_eq!((calls["10 1.0"], calls.values().sum::<usize>()), (2, 15));
    // Nothing is run twice of a set that is there.
    place.makes("set", &[]);
    assert_eq!(place.calls().values().sum::<usize>(), 15);

    // A simulator that does not use its seed.
    let place = checked();
    place.simulator("set -- \"$(grep -c . calls)\" \"$2\" \"$3\"");
    let output = place.simulate("set", &["--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    contains(
        &text(&output.stderr),
        &["seed 10 gave other numbers the second time: the simulator does not use its seed", "check = \"off\" in "],
    );
    assert_eq!(place.calls().values().sum::<usize>(), 2);
    place.write("sims.toml", SIMS);
    let made = place.makes("other", &[]);
    contains(&made, &["complete: ", "warning: "]);
}

#[test]
fn what_is_doubtful_about_a_whole_set_is_said() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 12\nn_d = 10"));
    place.simulator("set -- 1 \"$2\" \"$3\"");
    contains(&place.makes("set", &[]), &["warning: ", "all 12 training simulations looked at are the same"]);
}
