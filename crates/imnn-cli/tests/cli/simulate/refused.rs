//! What is refused before anything is run.

use super::{Place, SIMS};

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
