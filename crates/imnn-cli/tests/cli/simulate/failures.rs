//! Programs that fail.

use ndarray::Axis;
use serde_json::Value;

use super::{Place, SIMS, contains, prints, runs, text, until};

/// Seeds 10 to 17, each of which goes wrong in its own way above the fiducial.
const WRONG: &str = r#"
case "$1 $2" in
"10 1.25") echo "no convergence" >&2; echo "at step 3"; exit 7 ;;
"11 1.25") kill -SEGV $$ ;;
"12 1.25") exit 0 ;;
"13 1.25") echo "1.0 2.0" > "$3"; exit 0 ;;
"14 1.25") sh line.sh "$1" "$2" "$3"; head -c 150 "$3" > short; mv short "$3"; exit 0 ;;
"15 1.25") sh line.sh "$1" "$2" t15; { head -c 152 t15; printf '\000\000\000\000\000\000\370\177'; } > "$3"; exit 0 ;;
"16 1.25") sh line.sh "$1" "$2" t16; { head -c 60 t16; printf '(9,)}%14s\n' ''; tail -c 72 t16; } > "$3"; exit 0 ;;
"17 1.25") sh line.sh "$1" "$2" "$3".txt; exit 0 ;;
esac
"#;

#[test]
fn what_fails_is_reported_and_the_rest_goes_on() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 10\nn_d = 10"));
    place.simulator(WRONG);
    let (report, message) = place.fails("set", &[]);
    contains(
        &message,
        &["8 simulations failed; they are in ", "failures.json, and are tried again with --retry-failed"],
    );
    assert_eq!((&report["done"], &report["failed"], &report["missing"]), (&22.into(), &8.into(), &0.into()));
    assert_eq!(report["complete"], false);
    assert!(!place.path("set/run.toml").exists());
    let file = std::fs::read_to_string(place.path("set/failures.json")).expect("failures");
    let file: Value = serde_json::from_str(&file).expect("JSON");
    assert_eq!(file["failures"], report["failures"]);
    let failures = file["failures"].as_array().expect("a list");
    let expected = [
        ("exit", "exit code 7"),
        ("exit", "signal 11 (segmentation fault)"),
        ("no_output", "wrote no file"),
        ("not_an_array", "starts with 1.0 2."),
        ("not_an_array", "truncated"),
        ("not_finite", "the value at [9] is NaN; not finite: 1 of 10"),
        ("shape", "it has shape [9], expected [10]"),
        ("no_output", "but out.npy.txt beside it"),
    ];
    for (k, (failure, (kind, reason))) in failures.iter().zip(expected).enumerate() {
        let seed = 10 + k;
        assert_eq!((&failure["seed"], &failure["vector"]), (&seed.into(), &"slope_p".into()));
        assert_eq!((&failure["theta"][0], &failure["kind"]), (&1.25.into(), &kind.into()), "{failure}");
        assert_eq!(failure["command"][2], seed.to_string());
        contains(failure["reason"].as_str().expect("text"), &[reason]);
        assert!(place.path("set").join(failure["log"].as_str().expect("a path")).exists());
    }
    assert_eq!(failures[0]["tail"], "no convergence\nat step 3");
    assert_eq!(place.simulations("set").len(), 22);

    // They are not tried again without being asked for, and are told again.
    let output = place.simulate("set", &["--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    contains(
        &text(&output.stdout),
        &[
            "failed: seed 10 of slope_p: it ended with exit code 7\n  theta    [1.25]\n  command  sh sim.sh 10 1.25 /",
            "\n    | no convergence\n    | at step 3\n",
            "and 3 more in ",
            "slope_p      2       8        0\n",
            "in this run: 0 done, 0 failed",
        ],
    );
    assert!(place.calls().values().all(|&n| n == 1));

    // The set without these seeds is one to train on.
    contains(
        &place.makes("set", &["--skip-failed", "--collect"]),
        &["complete: 10 simulations, 2 of them with partners"],
    );
    let run = std::fs::read_to_string(place.path("set/run.toml")).expect("a run file");
    contains(&run, &["n_s = 10\nn_d = 2\n"]);
    place.write("set/run.toml", &run.replace("iterations = 1000", "iterations = 3"));
    prints(&["fit", &place.text("set/run.toml"), "--out", &place.text("run"), "--quiet"]);
    assert_eq!(place.array("set/derivative.npy").shape(), [2, 2, 1, 10]);
    // Row i of both belongs to one seed: those that have partners come first.
    assert_eq!(place.array("set/fiducial.npy").index_axis(Axis(0), 0), place.array("set/fiducial/18.npy"));

    // The fault is repaired.
    place.simulator("");
    contains(&place.makes("set", &["--retry-failed"]), &["in this run: 8 done, 0 failed", "10 of them with partners"]);
    assert!(!place.path("set/failures.json").exists() && !place.path("set/failed").exists());
}

#[test]
fn programs_that_hang_are_ended_with_their_children() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 2\nn_d = 1\ntimeout = 1"));
    place.simulator("sleep 1000 & echo $! >> children; echo started; wait");
    let (report, _) = place.fails("set", &["--jobs", "2"]);
    assert_eq!((&report["failed"], &report["done"]), (&4.into(), &0.into()));
    for failure in report["failures"].as_array().expect("a list") {
        assert_eq!(failure["kind"], "timeout");
        assert_eq!(failure["reason"], "it ran longer than the timeout of 1 s and was ended");
    }
    for pid in std::fs::read_to_string(place.path("children")).unwrap_or_default().lines() {
        until("the children to be gone", || !runs(pid));
    }
}

#[test]
fn what_fails_is_tried_as_often_as_is_asked_for() {
    let place = Place::new(&format!("{SIMS}retries = 2\n"));
    // The first of three attempts of seed 11 succeed, seed 12 never does.
    place.simulator("[ \"$1\" = 12 ] && exit 1; [ \"$1\" = 11 ] && [ $(grep -c \"^$1 $2\" calls) -lt 3 ] && exit 1");
    let (report, _) = place.fails("set", &["--jobs", "1"]);
    assert_eq!((&report["done"], &report["failed"]), (&11.into(), &3.into()));
    assert_eq!(report["failures"][0]["attempts"], 3);
    let calls = place.calls();
    assert_eq!((calls["11 1.0"], calls["12 0.75"], calls["13 1.25"]), (3, 3, 1));
}

#[test]
fn a_program_that_is_not_there_fails() {
    let place = Place::new(&SIMS.replace("\"sh\", \"sim.sh\"", "\"./no_such_program\""));
    let (report, _) = place.fails("set", &[]);
    // Three at a time, and no more after three.
    let failed = report["failed"].as_u64().expect("a number");
    assert!((3..=5).contains(&failed), "{report}");
    assert_eq!(report["no_more"]["kind"], "not_started");
    contains(
        report["failures"][0]["reason"].as_str().expect("text"),
        &["cannot be started: ./no_such_program, in the folder /"],
    );
}
