//! Several hosts on one machine: network namespaces on a bridge, each with a name and an address of its own, one of which is
//! cut off while ranks wait for each other.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::installed::Installed;
use super::trial::{Expected, Trial};
use crate::process::{Failure, Outcome, output, run as run_command, succeeds};
use crate::setup;

const HOSTS: usize = 3;
/// How long a call may take before the watchdog ends a rank, and then how long until all ranks are gone, in seconds.
const TIMEOUT: f64 = 5.0;
const THEN: f64 = 15.0;
/// When a host is cut off.
const CUT: Duration = Duration::from_secs(4);

/// What the launchers take for ssh: the command runs in the namespace of the host whose address is the first argument.
const AGENT: &str = "#!/bin/bash\n\
    host=$1; shift; i=$((${host##*.} - 10))\n\
    exec ip netns exec imnn$i unshare --uts bash -c \"hostname imnn$i; $*\"\n";

/// The namespaces, until it is dropped.
struct Network;

impl Network {
    fn new() -> Outcome<Network> {
        let network = Network;
        let ip = |words: String| run_command(Command::new("ip").args(words.split(' ')));
        Network::remove();
        for words in ["netns add imnnbr", "-n imnnbr link add br0 type bridge", "-n imnnbr link set br0 up"] {
            ip(words.into())?;
        }
        for i in 1..=HOSTS {
            ip(format!("netns add imnn{i}"))?;
            ip(format!("link add v{i} netns imnn{i} type veth peer name p{i} netns imnnbr"))?;
            ip(format!("-n imnnbr link set p{i} master br0 up"))?;
            ip(format!("-n imnn{i} addr add 10.77.0.{}/24 dev v{i}", 10 + i))?;
            ip(format!("-n imnn{i} link set v{i} up"))?;
            ip(format!("-n imnn{i} link set lo up"))?;
        }
        Ok(network)
    }

    fn remove() {
        for name in (1..=HOSTS).map(|i| format!("imnn{i}")).chain(["imnnbr".into()]) {
            succeeds(Command::new("ip").args(["netns", "del", &name]));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        Network::remove();
    }
}

/// What does not go as it should over several hosts, with a line for each MPI of the system.
pub fn faults(all: &[Installed], program: &Path, folder: &Path) -> Outcome<Vec<String>> {
    let user = output(Command::new("id").arg("-u"))?;
    if user.trim() != "0" || !setup::exists("ip") || !setup::exists("unshare") {
        eprintln!("NOT CHECKED: several hosts, for which root, `ip` and `unshare` are needed");
        return Ok(vec![]);
    }
    let network = match Network::new() {
        Ok(network) => network,
        Err(failure) => {
            eprintln!("NOT CHECKED: several hosts, since there can be no network namespaces: {failure}");
            return Ok(vec![]);
        }
    };
    let agent = folder.join("agent.sh");
    fs::write(&agent, AGENT)?;
    run_command(Command::new("chmod").arg("+x").arg(&agent))?;
    let mut faults = vec![];
    for mpi in all.iter().filter(|mpi| mpi.folder.is_none()) {
        let mut trial = Trial::of(command(mpi, &agent, program, "calls"), folder, "calls");
        trial.limit = 120.0;
        let words = &[("3 ranks on 3 nodes over ", 1..=1), ("calls are right", 1..=1)];
        let seen = trial.run(&Expected::Success(words))?;
        println!("{}, {HOSTS} hosts: {}", mpi.name, seen.shown());
        faults.extend(seen.faults);

        let mut trial = Trial::of(command(mpi, &agent, program, "loop"), folder, "cut off");
        trial.command.env("IMNN_TIMEOUT", TIMEOUT.to_string());
        trial.limit = CUT.as_secs_f64() + TIMEOUT + THEN;
        trial.only_ranks = Some(HOSTS);
        let cut = std::thread::spawn(|| {
            std::thread::sleep(CUT);
            run_command(Command::new("ip").args(["-n", "imnn3", "link", "set", "v3", "down"]))
        });
        let seen = trial.run(&Expected::Failure(&[("rank 0 of 3 on imnn1 waits since ", 1..=1)]))?;
        cut.join().map_err(|_| Failure::new("the thread that cuts a host off panicked"))??;
        println!("{}, one of {HOSTS} hosts cut off after {} s: {}", mpi.name, CUT.as_secs(), seen.shown());
        if seen.code.is_none() {
            println!("    all ranks had ended; its launcher waited for the host that is gone, and was ended from here");
        }
        faults.extend(seen.faults);
        run_command(Command::new("ip").args(["-n", "imnn3", "link", "set", "v3", "up"]))?;
    }
    drop(network);
    Ok(faults)
}

/// A rank on each host; the launcher runs on the first.
fn command(mpi: &Installed, agent: &Path, program: &Path, task: &str) -> Command {
    let hosts = (1..=HOSTS).map(|i| format!("10.77.0.{}", 10 + i)).collect::<Vec<_>>().join(",");
    let [agent, program, mpirun] = [agent, program, &mpi.mpirun].map(|path| path.display().to_string());
    let launch = if mpi.is_open_mpi {
        let only = "--mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24";
        let passed = "-x IMNN_FOLDER -x IMNN_TIMEOUT";
        format!("--mca plm_rsh_agent {agent} --mca btl tcp,self {only} {passed} --host {hosts} --map-by node")
    } else {
        format!("-launcher rsh -launcher-exec {agent} -iface v1 -hosts {hosts}")
    };
    let mut command = Command::new("ip");
    command.args(["netns", "exec", "imnn1", "unshare", "--uts", "bash", "-c"]);
    command.arg(format!("hostname imnn1; exec {mpirun} {launch} -n {HOSTS} {program} {task}"));
    command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"), ("IMNN_TIMEOUT", "0")]);
    command
}
