//! Blocks of simulations in place of a file for each.

use serde_json::Value;

use super::{Place, SIMS, contains, names, prints, signal, start, text, until};

/// Thirty simulations, twenty of them with partners, by sevens.
fn sims() -> String {
    SIMS.replace("n_s = 6\nn_d = 4", "n_s = 30\nn_d = 20\nblock = 7")
}

const FIDUCIAL: [&str; 5] = ["10-16.npy", "17-23.npy", "24-30.npy", "31-37.npy", "38-39.npy"];
const SIDE: [&str; 3] = ["10-16.npy", "17-23.npy", "24-29.npy"];

#[track_caller]
fn is_packed(place: &Place, set: &str) {
    assert_eq!(names(&place.path(set).join("fiducial")), FIDUCIAL);
    for side in ["slope_m", "slope_p"] {
        assert_eq!(names(&place.path(set).join(side)), SIDE);
    }
    assert_eq!(names(&place.path(set)), ["fiducial", "run.toml", "simulate.toml", "slope_m", "slope_p"]);
}

/// What a program prints that is given the file `name` of a set, or other arguments in place of `-`.
fn of_file(place: &Place, arguments: &[&str], name: &str) -> String {
    let path = place.text(name);
    prints(
        &arguments.iter().map(|&argument| if argument == "-" { path.as_str() } else { argument }).collect::<Vec<_>>(),
    )
}

#[test]
fn a_set_in_blocks_is_trained_on_as_one_of_single_files() {
    let place = Place::new(&sims());
    contains(&place.makes("blocks", &["--collect"]), &["complete: 30 simulations, 20 of them with partners"]);
    place.write("sims.toml", &sims().replace("block = 7\n", ""));
    place.makes("single", &["--collect"]);
    for name in ["fiducial.npy", "derivative.npy"] {
        let read = |set: &str| std::fs::read(place.path(set).join(name)).expect("a file");
        assert!(read("single") == read("blocks"), "{name}");
        std::fs::remove_file(place.path("blocks").join(name)).expect("there");
    }
    is_packed(&place, "blocks");
    let first = place.array("blocks/fiducial/17-23.npy");
    assert_eq!(first.shape(), [7, 10]);
    assert_eq!(first.index_axis(ndarray::Axis(0), 2), place.array("single/fiducial/19.npy"));

    let run = |set: &str| {
        let path = place.path(set).join("run.toml");
        let run = std::fs::read_to_string(&path).expect("a run file");
        assert_eq!(
            run.contains("\"fiducial/{seeds}.npy\"") && run.contains("\"slope_p/{seeds}.npy\""),
            set == "blocks"
        );
        let fit = |text: &str, out: &str| {
            std::fs::write(&path, text.replace("iterations = 1000", "iterations = 20")).expect("written");
            let out = format!("{set}.{out}");
            of_file(&place, &["fit", "-", "--out", &place.text(&out), "--quiet"], &format!("{set}/run.toml"));
            std::fs::read(place.path(&out).join("weights.safetensors")).expect("weights")
        };
        let held = fit(&run, "held");
        // Once more, read while it trains.
        assert!(fit(&run.replace("[simulations]", "[simulations]\nload = \"stream\""), "streamed") == held);
        held
    };
    assert!(run("single") == run("blocks"));
    contains(&of_file(&place, &["data", "check", "-"], "blocks/run.toml"), &["30"]);
    contains(
        &of_file(&place, &["data", "inspect", "-"], "blocks"),
        &["fiducial/{seeds}.npy", "slope_m/{seeds}.npy", "seeds 10 to 39", "slope_p/{seeds}.npy\"\n"],
    );
    place.makes("blocks", &[]);
    assert_eq!(place.calls().values().sum::<usize>(), 2 * 70);
}

#[test]
fn kills_at_any_moment_leave_the_bytes_of_a_run_without() {
    for claim in [true, false] {
        let place = Place::new(&sims());
        place.makes("whole", &[]);
        let whole = place.simulations("whole");
        std::fs::remove_file(place.path("calls")).expect("there");
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move |n: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % n as u64) as usize
        };
        let more: &[&str] = if claim { &["--claim"] } else { &[] };
        let begin = || start(&place.arguments("set", &[more, &["--quiet"]].concat()));
        let made = || place.calls().values().sum::<usize>();
        let mut running: Vec<_> = (0..if claim { 3 } else { 1 }).map(|_| begin()).collect();
        let mut kills = 0;
        for round in 1..=7 {
            // While they start, make, pack and remove.
            let some = round * 9 + next(9);
            until("some more simulations", || made() >= some || place.path("set/run.toml").exists());
            let k = next(running.len());
            let mut victim = std::mem::replace(&mut running[k], begin());
            victim.kill().expect("killed");
            victim.wait().expect("it ends");
            kills += 1;
            // Whatever is there under its name is whole.
            for (name, bytes) in place.simulations("set") {
                if let Some(expected) = whole.get(&name) {
                    assert!(bytes == *expected, "{name}");
                }
            }
        }
        for child in running {
            let output = child.wait_with_output().expect("it ends");
            assert!(output.status.success(), "{output:?}");
        }
        place.makes("set", more);
        assert!(place.simulations("set") == whole, "{:?}", names(&place.path("set/fiducial")));
        is_packed(&place, "set");
        // Three programs ran in each process that was killed; nothing else was made twice.
        let calls = place.calls();
        assert!(calls.len() == 70 && calls.values().sum::<usize>() <= 70 + 3 * kills, "{calls:?}");
    }
}

#[test]
fn few_files_are_there_at_any_moment() {
    let place = Place::new(&sims().replace("n_s = 30\nn_d = 20", "n_s = 100\nn_d = 1"));
    let running: Vec<_> = (0..2).map(|_| start(&place.arguments("set", &["--claim", "--quiet"]))).collect();
    let most = std::cell::Cell::new(0);
    until("all simulations", || {
        most.set(most.get().max(place.simulations("set").len()));
        place.path("set/run.toml").exists()
    });
    for child in running {
        assert!(child.wait_with_output().expect("it ends").status.success());
    }
    // 15 blocks, of each process what one is being put together of and what is made of the next, and the two files of partners;
    // one for each simulation would be 102.
    assert!(most.get() <= 15 + 2 * (7 + 7) + 2, "{most:?}");
    assert_eq!(names(&place.path("set/fiducial")).len(), 15);
}

#[test]
fn failures_leave_gaps_that_are_filled_when_they_are_repaired() {
    let place = Place::new(&sims());
    place.simulator("case \"$1 $2\" in '12 1.0' | '26 0.75') exit 1 ;; esac");
    let (report, _) = place.fails("set", &[]);
    assert_eq!((&report["failed"], &report["missing"], &report["blocks_left"]), (&2.into(), &0.into(), &0.into()));
    assert_eq!(names(&place.path("set/fiducial"))[..3], ["10-11.npy", "13-16.npy", "17-23.npy"]);
    assert!(!place.path("set/run.toml").exists());
    contains(&place.makes("set", &["--skip-failed"]), &["complete: 29 simulations, 18 of them with partners"]);
    let run = std::fs::read_to_string(place.path("set/run.toml")).expect("a run file");
    contains(&run, &["n_s = 29\nn_d = 18\n", "{seeds}"]);
    place.write("set/run.toml", &run.replace("iterations = 1000", "iterations = 3"));
    of_file(&place, &["fit", "-", "--out", &place.text("run"), "--quiet"], "set/run.toml");
    let status = of_file(&place, &["simulate", "-", "--out", &place.text("set"), "--status", "--json"], "sims.toml");
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!((&status["done"], &status["failed"], &status["missing"]), (&68.into(), &2.into(), &0.into()));
    std::fs::remove_file(place.path("set/run.toml")).expect("there");
    place.simulator("");
    contains(&place.makes("set", &["--retry-failed"]), &["in this run: 2 done, 0 failed", "20 of them with partners"]);
    is_packed(&place, "set");
}

#[test]
fn more_simulations_and_other_blocks_extend_a_set() {
    let place = Place::new(&sims());
    place.makes("set", &[]);
    place.write("sims.toml", &sims().replace("n_s = 30", "n_s = 33").replace("block = 7", "block = 14"));
    contains(&place.makes("set", &[]), &["in this run: 3 done", "complete: 33 simulations, 20 of them"]);
    assert_eq!(names(&place.path("set/fiducial")), ["10-23.npy", "24-37.npy", "38-42.npy"]);
    // A set of single files becomes one of blocks, without a simulation being made.
    let place = Place::new(&sims().replace("block = 7\n", ""));
    place.makes("set", &[]);
    std::fs::remove_file(place.path("set/run.toml")).expect("there");
    place.write("sims.toml", &sims());
    contains(&place.makes("set", &[]), &["in this run: 0 done", "complete"]);
    is_packed(&place, "set");
}

#[test]
fn an_interrupt_while_blocks_are_put_together_is_told() {
    let place = Place::new(&sims().replace("block = 7\n", ""));
    place.makes("set", &[]);
    std::fs::remove_file(place.path("set/run.toml")).expect("there");
    place.write("sims.toml", &sims().replace("n_d = 20", "n_d = 21"));
    place.simulator("echo $$ > waits; exec sleep 1000");
    // It is packed first, all but the blocks of what is made now.
    let child = start(&place.arguments("set", &["--jobs", "1"]));
    until("a program that waits", || place.path("waits").exists());
    assert!(signal("INT", &child.id().to_string()));
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    contains(&text(&output.stderr), &["interrupted: 2 simulations are missing; the same command goes on with them"]);
    assert_eq!(names(&place.path("set/fiducial")), FIDUCIAL);
    assert_eq!(names(&place.path("set/slope_m")).len(), 2 + 6);
}

#[test]
fn parts_are_blocks() {
    let place = Place::new(&sims());
    place.makes("set", &["--shard", "2/3"]);
    assert_eq!(names(&place.path("set/fiducial")), ["17-23.npy", "38-39.npy"]);
    place.refuses_with(
        "set",
        &["--shard", "2/6"],
        &["--shard 2/6: parts are whole blocks, and n_s = 30 with block = 7 are 5; use --claim"],
    );
    for part in ["1/3", "3/3"] {
        place.makes("set", &["--shard", part]);
    }
    is_packed(&place, "set");
    assert!(place.calls().values().all(|&n| n == 1));
    place.write("sims.toml", &sims().replace("block = 7", "block = 0"));
    place.refuses("set", &["sims.toml line 6: block: 0 simulations in a file are too few", "omit it"]);
}
