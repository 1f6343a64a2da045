//! `--slurm`.

use std::process::Command;

use super::{Place, SIMS, contains, names};

#[test]
fn the_script_of_an_array_does_the_work() {
    let place = Place::new(SIMS);
    let script = place.makes("a 'strange' set", &["--slurm", "100", "--until", "1h30m"]);
    assert!(!place.path("a 'strange' set").exists());
    // Fourteen simulations, three at a time, are no more than five tasks.
    let parts = [
        "#!/bin/sh\n",
        "--array=1-5\n",
        "--cpus-per-task=3\n",
        "--time=01:35:00\n",
        "--claim --until 5400s --jobs 3\n",
    ];
    contains(&script, &parts);
    assert!(script.lines().all(|line| line.len() < 160 || line.starts_with("exec ")), "{script}");
    contains(&place.makes("set", &["--slurm", "2"]), &["--array=1-2\n", "--time=01:00:00\n", "--until 3300s"]);

    // Tasks are started anywhere.
    place.write("job.sh", &script);
    std::fs::create_dir(place.path("elsewhere")).expect("made");
    for _ in 0..2 {
        let ran = Command::new("sh").arg(place.path("job.sh")).current_dir(place.path("elsewhere")).output();
        let ran = ran.expect("a shell");
        assert!(ran.status.success(), "{ran:?}");
    }
    assert_eq!(place.simulations("a 'strange' set").len(), 14);
    assert!(names(&place.path("elsewhere")).is_empty() && place.calls().values().all(|&n| n == 1));
    place.refuses_with("a 'strange' set", &["--slurm", "3"], &["nothing is left to be done"]);
}

#[test]
fn failures_are_in_it_where_they_are_to_be_tried_again() {
    let place = Place::new(SIMS);
    place.simulator("[ $1 = 12 ] && exit 1");
    place.fails("set", &[]);
    place.refuses_with("set", &["--slurm", "3"], &["nothing is left to be done"]);
    contains(
        &place.makes("set", &["--slurm", "9", "--retry-failed", "--jobs", "1"]),
        &["--array=1-3\n", "3 simulations are left", "--jobs 1 --retry-failed\n"],
    );
}
