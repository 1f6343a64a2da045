//! Simulators that are programs of their own.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use imnn::data::arrays;
use ndarray::{ArrayD, Axis};
use serde_json::Value;
use tempfile::TempDir;

use super::data::names;
use super::{imnn, prints, refuses};

/// Six simulations of a line, four of them with partners.
const SIMS: &str = r#"theta_fid = [1.0]
parameters = ["slope"]
delta_theta = [0.5]
n_s = 6
n_d = 4
first_seed = 10
command = ["sh", "sim.sh", "{seed}", "{theta}", "{out}"]
jobs = 3
"#;

#[test]
fn sets_that_no_disk_holds_are_refused_before_anything_is_made() {
    for n in ["1000000000000", "9223372036854775807"] {
        let place = Place::new(&SIMS.replace("n_s = 6", &format!("n_s = {n}")));
        let output = place.simulate("out", &["--dry-run"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = String::from_utf8(output.stderr).expect("text");
        for part in ["sims.toml line 4: n_s: ", n, "too many, at most 10000000", "first_seed"] {
            assert!(message.contains(part), "{part:?} is not in {message}");
        }
    }
}

/// A folder with the simulator of the examples, and others around it.
struct Place(TempDir);

impl Place {
    fn new(sims: &str) -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        let line = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/external/line.sh");
        std::fs::copy(line, place.path("line.sh")).expect("copied");
        place.write("sims.toml", sims);
        place.simulator("");
        place
    }

    /// A simulator of lines that does something else before; $1 is the seed, $2 the slope, $3 the file.
    fn simulator(&self, before: &str) {
        self.write("sim.sh", &format!("echo \"$1 $2\" >> calls\n{before}\nsh line.sh \"$1\" \"$2\" \"$3\"\n"));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    fn arguments(&self, out: &str, more: &[&str]) -> Vec<String> {
        let start = ["simulate".to_owned(), self.text("sims.toml"), "--out".to_owned(), self.text(out)];
        start.into_iter().chain(more.iter().map(|&text| text.to_owned())).collect()
    }

    fn simulate(&self, out: &str, more: &[&str]) -> Output {
        let arguments = self.arguments(out, more);
        imnn(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What a run without faults prints.
    #[track_caller]
    fn makes(&self, out: &str, more: &[&str]) -> String {
        let arguments = self.arguments(out, &[more, &["--quiet"]].concat());
        prints(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[track_caller]
    fn refuses(&self, out: &str, parts: &[&str]) {
        let arguments = self.arguments(out, &[]);
        contains(&refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>()), parts);
    }

    /// The JSON and the message of a run in which something fails.
    #[track_caller]
    fn fails(&self, out: &str, more: &[&str]) -> (Value, String) {
        let output = self.simulate(out, &[more, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        (serde_json::from_slice(&output.stdout).expect("JSON"), text(&output.stderr))
    }

    /// How often the simulator was called with each seed and slope.
    fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for line in std::fs::read_to_string(self.path("calls")).unwrap_or_default().lines() {
            *calls.entry(line.to_owned()).or_default() += 1;
        }
        calls
    }

    fn array(&self, name: &str) -> ArrayD<f64> {
        arrays::read(&self.path(name).into()).expect("an array")
    }

    /// All simulations of a set with their bytes.
    fn simulations(&self, out: &str) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        for vector in ["fiducial", "slope_m", "slope_p"] {
            let folder = self.path(out).join(vector);
            for name in if folder.exists() { names(&folder) } else { vec![] } {
                all.insert(format!("{vector}/{name}"), std::fs::read(folder.join(&name)).expect("read"));
            }
        }
        all
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[track_caller]
fn contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

/// Waits until something is so, which on a busy machine takes as long as it takes.
#[track_caller]
fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..60_000 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited in vain for {what}");
}

/// Starts the program, to be killed or interrupted.
fn start(arguments: &[String]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_imnn"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Sends a signal by the shell, which has the command for it built in.
fn signal(name: &str, pid: &str) -> bool {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -$1 $2", "sh", name, pid]).stderr(Stdio::null());
    kill.status().expect("a shell").success()
}

/// Whether a process runs; one that has ended and was not asked about is none.
fn runs(pid: &str) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(state) => !state.contains(") Z "),
        Err(_) => !Path::new("/proc/self/stat").exists() && signal("0", pid),
    }
}

#[test]
fn seeds_are_matched_and_the_set_is_trained_on() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 40\nn_d = 30"));
    let printed = place.makes("set", &["--collect"]);
    contains(
        &printed,
        &[
            "          done  failed  missing\nfiducial    40       0        0\nslope_m     30       0        0\n",
            "in this run: 100 done, 0 failed\ncomplete: 40 simulations, 30 of them with partners below and above\n",
            "put together: ",
            "train on it: imnn fit ",
        ],
    );
    assert_eq!(
        names(&place.path("set")),
        ["derivative.npy", "fiducial", "fiducial.npy", "run.toml", "simulate.toml", "slope_m", "slope_p"]
    );
    let calls = place.calls();
    assert!(calls.len() == 100 && calls.values().all(|&n| n == 1), "{calls:?}");
    assert!(calls.contains_key("49 1.0") && calls.contains_key("39 0.75") && calls.contains_key("10 1.25"));

    // The same noise below, at and above the fiducial.
    let (fiducial, derivative) = (place.array("set/fiducial.npy"), place.array("set/derivative.npy"));
    assert_eq!((fiducial.shape(), derivative.shape()), (&[40, 10][..], &[30, 2, 1, 10][..]));
    for (row, seed) in (10..50).enumerate() {
        let single = |vector: &str| place.array(&format!("set/{vector}/{seed}.npy"));
        assert_eq!(fiducial.index_axis(Axis(0), row), single("fiducial"));
        if row >= 30 {
            continue;
        }
        for (side, vector, step) in [(0, "slope_m", -0.25), (1, "slope_p", 0.25)] {
            assert_eq!(
                derivative.index_axis(Axis(0), row).index_axis(Axis(0), side).index_axis(Axis(0), 0),
                single(vector)
            );
            for (t, (at, beside)) in single("fiducial").iter().zip(&single(vector)).enumerate() {
                assert!((beside - at - step * (t + 1) as f64).abs() < 1e-12);
            }
        }
    }

    let run = place.text("set/run.toml");
    let file = std::fs::read_to_string(&run).expect("a run file").replace("iterations = 1000", "iterations = 30");
    std::fs::write(&run, file).expect("written");
    let printed = prints(&["fit", &run, "--out", &place.text("run"), "--quiet", "--json"]);
    let statistics: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(statistics.is_object(), "{printed}");
    let estimate = prints(&["estimate", &place.text("run"), &place.text("set/fiducial/10.npy")]);
    assert!(estimate.contains("slope"), "{estimate}");

    // Nothing is left to be done, and the file that was changed is left alone.
    let printed = place.makes("set", &[]);
    contains(&printed, &["in this run: 0 done, 0 failed\n", "run.toml was there already and is left as it is"]);
    assert_eq!(place.calls(), calls);
}

#[test]
fn more_seeds_extend_a_set() {
    let place = Place::new(SIMS);
    place.makes("set", &[]);
    let before = place.simulations("set");
    assert_eq!(before.len(), 6 + 4 + 4);
    place.write("sims.toml", &SIMS.replace("n_s = 6\nn_d = 4", "n_s = 8\nn_d = 5"));
    contains(&place.makes("set", &[]), &["in this run: 4 done", "complete: 8 simulations, 5 of them"]);
    let after = place.simulations("set");
    assert_eq!(after.len(), 8 + 5 + 5);
    assert!(before.iter().all(|(name, bytes)| after[name] == *bytes));
    assert!(place.calls().values().all(|&n| n == 1));
}

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
fn shards_together_are_the_whole() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 11\nn_d = 7"));
    place.makes("whole", &[]);
    std::fs::remove_file(place.path("calls")).expect("there");
    // All at once, the second of them twice.
    let running: Vec<_> = ["1/3", "2/3", "3/3", "2/3"]
        .iter()
        .map(|s| start(&place.arguments("set", &["--shard", s, "--quiet"])))
        .collect();
    for child in running {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    assert_eq!(place.simulations("set"), place.simulations("whole"));
    let file = |set: &str, name: &str| std::fs::read(place.path(set).join(name)).expect("a file");
    for name in ["run.toml", "simulate.toml"] {
        assert_eq!(file("set", name), file("whole", name), "{name}");
    }
    assert_eq!(names(&place.path("set")), ["fiducial", "run.toml", "simulate.toml", "slope_m", "slope_p"]);
    assert!(place.calls().iter().all(|(call, &n)| n == 1 || ["11", "14", "17", "20"].contains(&&call[..2])));

    // A part does what is its own and says what is missing.
    contains(
        &place.makes("part", &["--shard", "3/3"]),
        &["fiducial     3       0        8\nslope_m      2       0        5\n", "in this run: 7 done, 0 failed\n"],
    );
    assert!(!place.path("part/run.toml").exists());
    assert!(place.simulations("part").keys().all(|name| ["12", "15", "18"].iter().any(|seed| name.contains(seed))));
    let output = imnn(&["simulate", &place.text("sims.toml"), "--out", &place.text("x"), "--shard", "4/3"]);
    assert_eq!(output.status.code(), Some(2));
    contains(&text(&output.stderr), &["\"4/3\" is not a valid shard"]);
}

#[test]
fn arguments_reach_the_program_as_they_are() {
    let place = Place::new(SIMS);
    std::fs::copy(place.path("sim.sh"), place.path("it's \"a\" sim;.sh")).expect("copied");
    let command = r#"["sh", "-c", "printf '%s\n' \"$@\" >> seen; sh \"$1\" \"${{2#s=}}\" \"$4\" \"$6\"", "sh",
        "it's \"a\" sim;.sh", "s={seed}", "{theta[slope]},{theta[0]}", "{theta}", "$(touch evil) `touch evil` * ' \\", "{out}"]"#;
    place.write("sims.toml", &SIMS.replace(r#"["sh", "sim.sh", "{seed}", "{theta}", "{out}"]"#, command));
    let out = "a 'strange' \"set\" $HOME {x}.npz:y";
    place.makes(out, &["--jobs", "1"]);
    assert_eq!(place.simulations(out).len(), 14);
    let seen = std::fs::read_to_string(place.path("seen")).expect("seen");
    contains(&seen, &["it's \"a\" sim;.sh\ns=10\n1.0,1.0\n1.0\n$(touch evil) `touch evil` * ' \\\n/"]);
    assert!(!place.path("evil").exists());
    let run = place.path(out).join("run.toml");
    let text = std::fs::read_to_string(&run).expect("a run file").replace("iterations = 1000", "iterations = 3");
    std::fs::write(&run, text).expect("written");
    prints(&["fit", run.to_str().expect("text"), "--out", &place.text("run"), "--quiet"]);
}

#[test]
fn what_cannot_be_run_is_refused_before() {
    let place = Place::new(SIMS);
    let with = |from: &str, to: &str, parts: &[&str]| {
        place.write("sims.toml", &SIMS.replace(from, to));
        place.refuses("set", parts);
        assert!(!place.path("set").exists() && place.calls().is_empty());
    };
    with("\"{seed}\"", "\"{sed}\"", &["line 7: command: ", "unknown placeholder {sed}"]);
    with("\"{seed}\"", "\"{seed\"", &["a single {", "in \"{seed\""]);
    with("\"{seed}\", ", "", &["{seed} is in none of the arguments: all simulations would be the same"]);
    with("\"{theta}\"", "\"{theta[1]}\"", &["{theta[1]} names none of the parameters (there are slope"]);
    with("\"{theta}\", ", "", &["the program is not told slope"]);
    with(", \"{out}\"", "", &["{out} is in none of the arguments"]);
    with("[\"sh\", \"sim.sh\", \"{seed}\", \"{theta}\", \"{out}\"]", "[]", &["there is no program"]);
    with("jobs", "job", &["unknown key \"job\"", "line 8", "did you mean \"jobs\"?"]);
    with("n_d = 4", "n_d = 7", &["line 5: n_d: ", "n_d <= n_s"]);
    with("n_s = 6", "n_s = 6.5", &["n_s: ", "a whole number"]);
    with("[\"slope\"]", "[\"../slope\"]", &["line 2: parameters: ", "cannot be one"]);
    with("jobs = 3", "dir = \"not there\"", &["dir: the program cannot be started in ", "not there"]);
    place.write("sims.toml", SIMS);
    place.refuses("{seed}", &["{seed} stands for a number where simulations are read"]);
    std::fs::remove_file(place.path("sims.toml")).expect("there");
    place.refuses("set", &["sims.toml: No such file"]);
}

#[test]
fn a_program_that_is_not_there_fails() {
    let place = Place::new(&SIMS.replace("\"sh\", \"sim.sh\"", "\"./no_such_program\""));
    let (report, _) = place.fails("set", &[]);
    assert_eq!(report["failed"], 14);
    contains(
        report["failures"][0]["reason"].as_str().expect("text"),
        &["cannot be started: ./no_such_program, in the folder /"],
    );
}

#[test]
fn a_folder_is_for_one_set() {
    let place = Place::new(SIMS);
    place.makes("set", &[]);
    for (from, to, parts) in [
        ("[0.5]", "[0.6]", &["theta_below = [0.75], asked for is theta_below = [0.7]"][..]),
        ("first_seed = 10", "first_seed = 11", &["first_seed = 10, asked for is first_seed = 11"]),
        ("\"sim.sh\"", "\"line.sh\"", &["command = [\"sh\", \"sim.sh\", ", "choose another folder"]),
        ("n_s = 6", "n_s = 5", &["n_s = 6, asked for is n_s = 5 (more would be added to it)"]),
        ("slope", "s", &["parameters = [\"slope\"], asked for is parameters = [\"s\"]"]),
    ] {
        place.write("sims.toml", &SIMS.replace(from, to));
        place.refuses("set", parts);
    }
    // How many run at a time and how long they may take is another matter.
    place.write("sims.toml", &SIMS.replace("jobs = 3", "jobs = 1\ntimeout = 1000\nretries = 1"));
    place.makes("set", &[]);
    std::fs::create_dir(place.path("other")).expect("made");
    place.write("other/thesis.tex", "");
    place.refuses("other", &["there is \"thesis.tex\" in this folder, and no simulate.toml"]);
}

#[test]
fn files_that_are_no_simulations_are_made_again() {
    let place = Place::new(SIMS);
    place.makes("set", &[]);
    let whole = place.simulations("set");
    place.write("set/fiducial/10.npy", "garbage");
    let cut = &whole["slope_p/11.npy"][..100];
    std::fs::write(place.path("set/slope_p/11.npy"), cut).expect("written");
    contains(&place.makes("set", &[]), &["in this run: 2 done, 0 failed", "complete"]);
    assert_eq!(place.simulations("set"), whole);
    // A shape that is asked for is not that of the files.
    place.write("sims.toml", &format!("{SIMS}shape = [5]\n"));
    let (report, _) = place.fails("set", &[]);
    assert_eq!((&report["failed"], &report["failures"][0]["kind"]), (&14.into(), &"shape".into()));
}

#[test]
fn a_dry_run_does_nothing() {
    let place = Place::new(SIMS);
    let printed = place.makes("set", &["--dry-run"]);
    contains(
        &printed,
        &[
            "          to do  done  failed  slope\nfiducial      6     0       0    1.0\nslope_m       4     0       0   0.75\n",
            "14 to be run, 3 at a time, in /",
            "\n  sh sim.sh 10 1.25 /",
        ],
    );
    let printed = prints(
        &place
            .arguments("set", &["--dry-run", "--json", "--shard", "2/2"])
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    let plan: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(plan["todo"].as_array().expect("a list").len(), 3 + 2 + 2);
    assert_eq!((&plan["todo"][0]["seed"], &plan["todo"][0]["command"][3]), (&11.into(), &"1.0".into()));
    assert!(!place.path("set").exists() && place.calls().is_empty());
}

/// Whether there is a Python with numpy to run the example with.
fn python() -> Option<String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import numpy"]).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success()).then_some(python)
}

#[test]
fn the_examples_run() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/external");
    let folder = tempfile::tempdir().expect("a folder");
    for name in names(&examples) {
        std::fs::copy(examples.join(&name), folder.path().join(&name)).expect("copied");
    }
    let mut sets = vec![("line.toml", "[10]")];
    match python() {
        Some(python) => {
            let path = folder.path().join("mean_variance.toml");
            let file = std::fs::read_to_string(&path).expect("an example");
            assert!(file.contains("\"python3\""));
            std::fs::write(&path, file.replace("\"python3\"", &format!("{python:?}"))).expect("written");
            sets.push(("mean_variance.toml", "[10]"));
        }
        None => eprintln!("no Python with numpy: its example is not run"),
    }
    for (name, shape) in sets {
        let path = folder.path().join(name);
        // Few of them: this is about their being right, not about information.
        let file = std::fs::read_to_string(&path).expect("an example");
        let few = file.lines().map(|line| if line.starts_with("n_s = ") { "n_s = 4" } else { line });
        std::fs::write(&path, few.collect::<Vec<_>>().join("\n")).expect("written");
        let out = folder.path().join(format!("{name}.set"));
        let arguments = ["simulate", path.to_str().expect("text"), "--out", out.to_str().expect("text"), "--json"];
        let report: Value = serde_json::from_str(&prints(&arguments)).expect("JSON");
        assert_eq!((&report["complete"], report["shape"].to_string()), (&true.into(), shape.into()));
    }
}
