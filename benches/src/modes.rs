//! What the command line asks for.

use std::path::Path;
use std::sync::Arc;

use imnn::ranks::{Mpi, Ranks};

use crate::arguments::{Arguments, Worker};
use crate::card::{self, Card};
use crate::machine::{Machine, threads};
use crate::measure::{Effort, measure, scaling_threads};
use crate::ranks::Passing;
use crate::report::{self, Report};
use crate::stream::{self, DataSet};
use crate::workload::Workload;
use crate::{Outcome, ranks, worker};

/// Does what the command line asks for, and prints it.
pub fn run(arguments: &Arguments) -> Outcome {
    match &arguments.worker {
        Some(Worker::Worker { workload, cuda: true, tf32, memory, .. }) => run_on_card(workload, *tf32, *memory),
        Some(Worker::Worker { workload, threads, ranks: Some(file), .. }) => run_rank(workload, *threads, file),
        Some(Worker::Worker { workload, threads, dfdx, .. }) => run_worker(workload, *threads, *dfdx),
        Some(Worker::Stream { set, threads, streamed }) => {
            worker::run(stream::imnn(&DataSet::within(set)?, *threads, *streamed)?, "cpu", "", None)
        }
        None if arguments.stream => run_stream(arguments),
        None if arguments.ranks.is_some() => run_ranks(arguments),
        None => run_workloads(arguments),
    }
}

fn run_worker(name: &str, threads: usize, dfdx: bool) -> Outcome {
    let workload = named(name)?;
    worker::run(workload.imnn(threads, dfdx)?, "cpu", workload.how(dfdx), None)
}

fn run_rank(name: &str, threads: usize, file: &Path) -> Outcome {
    let ranks: Arc<dyn Ranks> = Arc::new(Mpi::find()?.ok_or("no launcher has started this process")?);
    let passing = Passing::new(ranks.rank(), file);
    worker::run(named(name)?.among(ranks, threads)?, "cpu", "", Some(passing))
}

fn run_on_card(name: &str, tf32: bool, memory: Option<usize>) -> Outcome {
    worker::run(named(name)?.on_card(tf32, memory)?, "cuda", card::precision(tf32), None)
}

fn named(name: &str) -> Outcome<Workload> {
    Workload::named(name).ok_or_else(|| format!("no workload is called `{name}`").into())
}

fn run_stream(arguments: &Arguments) -> Outcome {
    let report = stream::measure(&arguments.streaming, arguments.quick)?;
    match arguments.json {
        true => println!("{}", report.json()?),
        false => print!("{report}"),
    }
    Ok(())
}

fn run_ranks(arguments: &Arguments) -> Outcome {
    let n = usize::from(arguments.ranks.unwrap_or(2));
    let effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
    let report = ranks::measure(&arguments.workloads()?, n, effort)?;
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print!("{report}"),
    }
    Ok(())
}

fn run_workloads(arguments: &Arguments) -> Outcome {
    let workloads = arguments.workloads()?;
    let card = if arguments.cuda { Some(Card::first()?) } else { None };
    let peers = arguments.peers()?;
    let thread_counts = if arguments.scaling { scaling_threads() } else { vec![threads()] };
    let effort = match (arguments.quick, arguments.memory) {
        (true, _) => Effort::QUICK,
        (_, true) => Effort::FEW,
        _ => Effort::FULL,
    };
    let mut report = Report { machine: Machine::this(), card, effort, records: vec![] };
    for (k, workload) in workloads.iter().enumerate() {
        eprintln!("{}/{} {}", k + 1, workloads.len(), workload.name());
        report.records.push(match arguments.cuda {
            true => card::measure(workload, &peers, arguments.tf32, effort)?,
            false => measure(workload, &thread_counts, &peers, effort)?,
        });
    }
    let columns = match arguments {
        Arguments { cuda: true, .. } => report::ON_CARD,
        Arguments { scaling: true, .. } => report::SCALING,
        Arguments { memory: true, .. } => report::MEMORY,
        _ => report::TIMES,
    };
    match arguments.json {
        true => println!("{}", report.json()?),
        false => print!("{}\n{}", report.head(), report.table(columns)),
    }
    report.all_ran()
}
