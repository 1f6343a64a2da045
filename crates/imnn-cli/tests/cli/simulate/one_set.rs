//! A folder belongs to one set, and says what is to be done.

use serde_json::Value;

use super::{Place, SIMS, contains, prints};

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
    // None fits, so that no more are made than a few.
    let failed = report["failed"].as_u64().expect("a number");
    assert!((3..=5).contains(&failed) && report["failures"][0]["kind"] == "shape", "{report}");
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
