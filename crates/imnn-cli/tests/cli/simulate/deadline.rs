//! `--until`.

use super::{Place, SIMS, contains, text};

#[test]
fn nothing_is_begun_that_would_not_end_in_time() {
    let place = Place::new(SIMS);
    place.simulator("[ -e fast ] || sleep 3");
    // One may be begun, on a busy machine none; a second would end after six seconds.
    let printed = place.makes("set", &["--until", "5s", "--jobs", "1"]);
    let done = place.simulations("set").len();
    assert!(done <= 1 && place.calls().len() == done, "{printed}");
    let missing = 14 - done;
    contains(
        &printed,
        &[&format!("{missing} are missing: more would not have ended in time (--until); the same command goes on\n")],
    );
    assert!(!place.path("set/run.toml").exists());
    place.write("fast", "");
    let printed = place.makes("set", &["--until", "2d", "--claim"]);
    contains(&printed, &[&format!("in this run: {missing} done, 0 failed\n"), "complete"]);
    assert!(!printed.contains("--until"), "{printed}");
}

#[test]
fn times_have_units() {
    let place = Place::new(SIMS);
    let output = place.simulate("set", &["--until", "55"]);
    assert_eq!(output.status.code(), Some(2));
    contains(&text(&output.stderr), &["write a time as 90s, 55m, 1h30m or 2d"]);
}
