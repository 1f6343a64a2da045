//! A batch system on one machine: a controller and two nodes of SLURM, which start ranks of MPICH.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::trial::{Expected, Trial, Words};
use crate::process::{Failure, Outcome, output, run as run_command, succeeds};
use crate::setup;

const NODES: [&str; 2] = ["n1", "n2"];

/// The words after `srun`, the task, and the end that is expected.
const TRIALS: [(&str, &str, Expected); 5] = [
    ("--mpi=pmi2", "calls", Expected::Success(&[("3 ranks on ", 1..=1), ("calls are right", 1..=1)])),
    ("--mpi=pmi2", "fails", Expected::Failure(&[("mpi_check: rank 2 of 3 on", 1..=1)])),
    ("--mpi=pmi2 --kill-on-bad-exit=1", "killed", Expected::Failure(&[])),
    // Without the flag SLURM lets the others wait; it is the watchdog that ends them.
    ("--mpi=pmi2", "killed", Expected::Failure(&[(" waits since 2 s in iteration 3", 1..=2)])),
    // Three programs of one process each, which is what they would be.
    ("--mpi=none", "calls", Expected::Failure(&[MISMATCH])),
];
const MISMATCH: Words = ("3 processes were started (SLURM_STEP_NUM_TASKS), but libmpich.so.12", 1..=3);

/// The daemons, until it is dropped.
struct Slurm {
    daemons: Vec<Child>,
    settings: PathBuf,
}

impl Slurm {
    fn new(folder: &Path) -> Outcome<Slurm> {
        for name in ["state", "spool", "log"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let host = output(Command::new("uname").arg("-n"))?;
        let settings = folder.join("slurm.conf");
        fs::write(&settings, self::settings(folder, host.trim()))?;
        let mut slurm = Slurm { daemons: vec![], settings };
        if !succeeds(Command::new("munge").arg("-n")) {
            run_command(Command::new("install").args(["-d", "-o", "munge", "-g", "munge", "/run/munge"]))?;
            let user = ["--reuid", "munge", "--regid", "munge", "--clear-groups"];
            slurm.start(Command::new("setpriv").args(user).args(["munged", "--foreground", "--force"]))?;
            wait_for("munged", || succeeds(Command::new("munge").arg("-n")))?;
        }
        let settings = slurm.settings.clone();
        slurm.start(Command::new("slurmctld").arg("-D").arg("-f").arg(&settings))?;
        for node in NODES {
            slurm.start(Command::new("slurmd").arg("-D").arg("-f").arg(&settings).args(["-N", node]))?;
        }
        let idle = || {
            let nodes = output(slurm.command("sinfo").args(["--noheader", "--Node", "--format=%T"]));
            nodes.is_ok_and(|nodes| nodes.lines().filter(|line| line.trim() == "idle").count() == NODES.len())
        };
        wait_for("SLURM", idle)?;
        Ok(slurm)
    }

    fn start(&mut self, command: &mut Command) -> Outcome {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.push(quiet.spawn()?);
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", &self.settings);
        command
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            succeeds(Command::new("kill").arg(daemon.id().to_string()));
            let start = Instant::now();
            while daemon.try_wait().is_ok_and(|status| status.is_none()) {
                if start.elapsed() > Duration::from_secs(10) {
                    // One that will not end is ended, or there is nobody to tell.
                    let _ = daemon.kill();
                    let _ = daemon.wait();
                }
                sleep(Duration::from_millis(50));
            }
        }
    }
}

/// What does not go as it should under SLURM, with a line for each start.
pub fn faults(program: &Path, folder: &Path) -> Outcome<Vec<String>> {
    if output(Command::new("id").arg("-u"))?.trim() != "0" {
        eprintln!("NOT CHECKED: SLURM, whose daemons are started by root");
        return Ok(vec![]);
    }
    if !["slurmctld", "slurmd", "srun", "munged"].into_iter().all(setup::exists) {
        setup::install(&["slurmctld", "slurmd", "slurm-client", "munge"])?;
    }
    let slurm = Slurm::new(&folder.join("slurm"))?;
    let mut faults = vec![];
    for (options, task, expected) in &TRIALS {
        let mut command = slurm.command("srun");
        command.args(options.split(' ')).args(["-N", "2", "-n", "3"]).arg(program).arg(task);
        command.env("IMNN_MPI_LIBRARY", "libmpich.so.12").env("IMNN_TIMEOUT", "2");
        let mut trial = Trial::of(command, folder, task);
        trial.limit = if *task == "calls" { 120.0 } else { trial.limit };
        let seen = trial.run(expected)?;
        println!("srun {options}, {task}: {}", seen.shown());
        faults.extend(seen.faults);
    }
    // The script of a job with four tasks is one process.
    let script = folder.join("slurm/job.sh");
    fs::write(&script, format!("#!/bin/bash\n{} calls\n", program.display()))?;
    let log = folder.join("slurm/job.log");
    run_command(slurm.command("sbatch").args(["--quiet", "--wait", "-n", "4", "-o"]).arg(&log).arg(&script))?;
    let said = fs::read_to_string(&log)?;
    println!("sbatch -n 4, calls: {}", said.trim());
    if said.trim() != "one process, no MPI" {
        faults.push(format!("a batch script with four tasks said: {said}"));
    }
    Ok(faults)
}

fn wait_for(what: &str, is_there: impl Fn() -> bool) -> Outcome {
    let start = Instant::now();
    while !is_there() {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(Failure::new(format!("{what} did not come up within a minute")));
        }
        sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn settings(folder: &Path, host: &str) -> String {
    let folder = folder.display();
    format!(
        "ClusterName=imnn\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\nAuthType=auth/munge\n\
         StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool/%n\n\
         SlurmctldLogFile={folder}/log/controller.log\nSlurmdLogFile={folder}/log/%n.log\n\
         SlurmctldPidFile={folder}/controller.pid\nSlurmdPidFile={folder}/%n.pid\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSelectType=select/cons_tres\n\
         SelectTypeParameters=CR_CPU\nSlurmdParameters=config_overrides\nReturnToService=2\nMpiDefault=none\n\
         SwitchType=switch/none\nJobAcctGatherType=jobacct_gather/none\nSchedulerType=sched/backfill\n\
         SchedulerParameters=batch_sched_delay=0,sched_interval=1\n\
         NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=4 RealMemory=1000\n\
         PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
    )
}
