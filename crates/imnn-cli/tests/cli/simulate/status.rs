//! `--status`.

use serde_json::Value;

use super::{Place, SIMS, contains, names, prints, start, until};

fn json(place: &Place) -> Value {
    let arguments = place.arguments("set", &["--status", "--json"]);
    let printed = prints(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    serde_json::from_str(&printed).expect("JSON")
}

#[test]
fn it_says_what_is_done_and_who_does_the_rest() {
    let place = Place::new(SIMS);
    let status = |parts: &[&str]| contains(&place.makes("set", &["--status"]), parts);
    status(&["all          0       0        0       14\n", "\n14 are left, and nobody makes them\n"]);
    assert!(!place.path("set").exists());

    // Seed 12 fails; four programs wait.
    place.simulator("case \"$1\" in 12) exit 1 ;; 13 | 14) while [ ! -e go ]; do sleep 0.01; done ;; esac");
    let mut running = start(&place.arguments("set", &["--claim", "--quiet", "--jobs", "4"]));
    // The numbers of a process are written once a second at most.
    until("what can be done", || json(&place)["running"] == 4 && place.calls().len() == 6 + 3 + 4);
    let before = place.calls();
    let found = json(&place);
    assert_eq!((&found["done"], &found["failed"], &found["missing"]), (&6.into(), &3.into(), &1.into()));
    let [session] = &found["sessions"].as_array().expect("a list")[..] else { panic!("{found}") };
    assert_eq!((&session["alive"], &session["running"]), (&true.into(), &4.into()));
    assert_eq!(session["process"], running.id());
    assert!(session["per_second"].as_f64().expect("a number") > 0.0, "{session}");
    assert!(found["seconds_left"].as_f64().expect("a number") > 0.0, "{found}");
    status(&[
        "fiducial     2       1        2        1\n",
        "running  done  failed  an hour",
        "an hour by all processes; the 5 that",
    ]);
    assert_eq!(place.calls(), before);

    running.kill().expect("killed");
    running.wait().expect("it ends");
    let found = json(&place);
    assert_eq!((&found["running"], &found["missing"]), (&0.into(), &5.into()));
    assert_eq!((&found["sessions"][0]["alive"], &found["per_second"]), (&false.into(), &0.0.into()));
    status(&["gone; last sign of life", "5 are left, and nobody makes them\n"]);
    // It only looks.
    assert!(names(&place.path("set")).contains(&".claims".to_owned()));

    place.write("go", "");
    place.simulator("");
    place.makes("set", &["--claim", "--retry-failed"]);
    status(&["all         14       0        0        0\n", "\nnothing is left to be done\n"]);
}
