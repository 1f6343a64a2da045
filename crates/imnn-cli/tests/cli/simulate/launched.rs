//! Started by a launcher of MPI programs, and simulators that are such programs.

use std::process::Command;

use super::{Place, SIMS, contains, text};

/// What launchers leave in the environment of a process that they start, and what users set themselves.
const LAUNCHER: [(&str, &str); 9] = [
    ("OMPI_COMM_WORLD_SIZE", "4"),
    ("OMPI_COMM_WORLD_RANK", "2"),
    ("OMPI_UNIVERSE_SIZE", "4"),
    ("OMPI_MCA_ess_base_vpid", "2"),
    ("PMIX_RANK", "2"),
    ("PMIX_NAMESPACE", "prterun-node-1"),
    ("PMI_RANK", "2"),
    ("PMI_FD", "9"),
    ("HYDI_CONTROL_FD", "8"),
];
const USERS: [(&str, &str); 4] =
    [("OMPI_MCA_btl", "tcp,self"), ("PMIX_MCA_gds", "hash"), ("SLURM_JOB_ID", "17"), ("SLURM_NTASKS", "64")];

fn launched(place: &Place, more: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imnn"));
    command.args(place.arguments("set", more)).envs(LAUNCHER).envs(USERS);
    command.output().expect("the program starts")
}

#[test]
fn a_simulator_may_start_a_launcher_itself() {
    let place = Place::new(SIMS);
    place.simulator("env > \"environment-$1-$2\"");
    let output = launched(&place, &["--claim", "--quiet"]);
    assert!(output.status.success(), "{output:?}");
    let seen = std::fs::read_to_string(place.path("environment-10-1.0")).expect("seen");
    for (name, _) in LAUNCHER {
        assert!(!seen.lines().any(|line| line.starts_with(&format!("{name}="))), "{name} reached the simulator");
    }
    for (name, value) in USERS {
        assert!(seen.lines().any(|line| line == format!("{name}={value}")), "{name} is not in {seen}");
    }
}

#[test]
fn started_many_times_at_once_it_makes_nothing_twice() {
    let place = Place::new(SIMS);
    let output = launched(&place, &[]);
    assert_eq!(output.status.code(), Some(1));
    contains(&text(&output.stderr), &["4 processes were started together (OMPI_COMM_WORLD_SIZE)", "(--claim)"]);
    assert!(place.calls().is_empty());
}
