//! What `cargo xtask mpi` runs under each MPI: `mpirun -n 3 mpi_check TASK`.
//!
//! | task | |
//! | --- | --- |
//! | `library` | which MPI would be used, without a start of it |
//! | `calls` | collective calls bring what was sent, whole and in pieces |
//! | `bench` | how long they take |
//! | `large` | the same for 1.2 GB from each, which together no C int counts; takes 4 GB of memory a rank |
//! | `loop` | small calls, with a pause between them |
//! | `killed` | `loop`, and in iteration 3 the last rank is killed |
//! | `exits` | or exits with code 3 |
//! | `panics` | or panics |
//! | `fails` | or fails, which all agree on |
//! | `alone` | or returns an error that it kept to itself |
//! | `stops` | or is asked to stop |
//!
//! `IMNN_TIMEOUT`, in seconds, is how long a call may take; 0 or none is for ever. `IMNN_FOLDER` is where each rank writes its
//! process number.

#![allow(clippy::unwrap_used)]

#[path = "../tests/suite/laws.rs"]
mod laws;

use imnn_ranks::{Agreed, Launch, Mpi, Outcome, Ranks, RanksError, Timeout, Watched, agree};
use std::process::ExitCode;
use std::time::{Duration, Instant};

type Result<T = ()> = std::result::Result<T, RanksError>;

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_else(|| "library".into());
    match run(&task) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn failed(error: &RanksError) -> ExitCode {
    eprintln!("mpi_check: {error}");
    ExitCode::FAILURE
}

fn run(task: &str) -> Result<ExitCode> {
    if task == "library" {
        println!("{}", Mpi::library_to_use()?);
        return Ok(ExitCode::SUCCESS);
    }
    let seconds = std::env::var("IMNN_TIMEOUT").ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let Some(ranks) = Mpi::find_watched(Timeout::from(Duration::from_secs_f64(seconds)))? else {
        println!("one process, no MPI");
        return Ok(ExitCode::SUCCESS);
    };
    let mpi = ranks.get();
    let (launch, place, rank) = (Launch::of_this_process().unwrap(), mpi.place().clone(), mpi.rank());
    assert_eq!((launch.size, place.rank), (mpi.size(), rank));
    assert!(place.local_rank < place.local_size && place.local_size <= place.size && place.nodes <= place.size);
    if let Some(folder) = std::env::var_os("IMNN_FOLDER") {
        std::fs::write(std::path::Path::new(&folder).join(rank.to_string()), std::process::id().to_string()).unwrap();
    }
    if rank == 0 {
        println!("{}", mpi.describe());
    }
    let result = match task {
        "calls" => calls(&ranks),
        "bench" => bench(&ranks),
        "large" => large(&ranks),
        _ => iterate(&ranks, task),
    };
    if task == "calls" && result.is_ok() {
        join_and_end(ranks)?;
        return Ok(ExitCode::SUCCESS);
    }
    // What went wrong is said before the ranks are dropped, for that waits for the others.
    Ok(match result {
        // One rank speaks where all know the same.
        Err(RanksError::Failed { .. } | RanksError::Differ { .. }) if rank > 0 => ExitCode::FAILURE,
        Err(error) => failed(&error),
        Ok(()) => ExitCode::SUCCESS,
    })
}

fn calls(ranks: &Watched<Mpi>) -> Result {
    let mpi = ranks.get();
    for seed in 0..20 {
        laws::check(mpi, seed, 3000);
    }
    // A call beyond the sizes that MPI sends at once.
    laws::check(mpi, 1, 3_000_000);
    for (limit, seeds) in [(1024, 5), (7, 2)] {
        mpi.set_limit(limit);
        for seed in 0..seeds {
            laws::check(mpi, seed, 30 * limit);
        }
    }
    // MPI is for the thread that made it.
    let elsewhere = std::thread::scope(|scope| scope.spawn(|| mpi.broadcast(&mut [0])).join().unwrap());
    assert!(matches!(elsewhere, Err(RanksError::WrongThread { .. })), "{elsewhere:?}");
    agree(mpi, &Outcome::Fine, None).map(|_| ())
}

/// MPI that is initialised already is joined and left as it is; when it has ended there is no more of it.
fn join_and_end(ranks: Watched<Mpi>) -> Result {
    let elsewhere = std::thread::scope(|scope| scope.spawn(Mpi::find).join().unwrap());
    assert!(matches!(elsewhere, Err(RanksError::WrongThread { .. })), "{elsewhere:?}");
    let joined = Mpi::find()?.unwrap();
    laws::check(&joined, 2, 100);
    drop(joined);
    laws::check(&ranks, 3, 100);
    let rank = ranks.rank();
    drop(ranks);
    let ended = Mpi::find();
    assert!(matches!(ended, Err(RanksError::Ended { .. })), "{ended:?}");
    if rank == 0 {
        println!("calls are right");
    }
    Ok(())
}

fn iterate(ranks: &Watched<Mpi>, task: &str) -> Result {
    let is_last = ranks.rank() + 1 == ranks.size();
    for iteration in 0..100 {
        ranks.purpose(&format!("iteration {iteration}"));
        let mut own = Outcome::Fine;
        if is_last && iteration == 3 {
            match task {
                "killed" => {
                    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
                }
                "exits" => std::process::exit(3),
                "panics" => panic!("a bug"),
                "fails" => own = Outcome::Failed("fiducial.npy: row 12 is not finite".into()),
                "alone" => return Err(RanksError::Lengths("an error that is kept from the others".into())),
                "stops" => own = Outcome::Stop(15),
                _ => {}
            }
        }
        if let Agreed::Stop { rank, signal } = agree(ranks, &own, None)? {
            if ranks.rank() == 0 {
                println!("rank {rank} was asked to stop by signal {signal} in iteration {iteration}");
            }
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn large(ranks: &Watched<Mpi>) -> Result {
    let (rank, size, len) = (ranks.rank(), ranks.size(), 1_200_000_000);
    let value = |k: usize, i: usize| (i * 7 + i / 251 + k) as u8;
    let own: Vec<u8> = (0..len).map(|i| value(rank, i)).collect();
    let mut all = vec![0; len * size];
    let start = Instant::now();
    ranks.gather(&own, &mut all, &vec![len; size])?;
    if rank == 0 {
        println!("{} bytes gathered in {:.1?}", all.len(), start.elapsed());
    }
    let is_right = all.chunks(len).enumerate().all(|(k, part)| part.iter().enumerate().all(|(i, &b)| b == value(k, i)));
    assert!(is_right, "what was gathered is not what was sent");
    Ok(())
}

/// The best of several times of each call.
fn bench(ranks: &Watched<Mpi>) -> Result {
    let size = ranks.size();
    for len in [16, 100_000, 4_000_000] {
        let lens = vec![len; size];
        let (own, mut all) = (vec![1; len], vec![0; len * size]);
        let (send, mut received) = (vec![1; len * size], vec![0; len * size]);
        let gather = best(|| ranks.gather(&own, &mut all, &lens))?;
        let exchange = best(|| ranks.exchange(&send, &lens, &mut received, &lens))?;
        let broadcast = best(|| ranks.broadcast(&mut received[..len]))?;
        if ranks.rank() == 0 {
            println!("{len:>8} bytes: gather {gather:.1?}, exchange {exchange:.1?}, broadcast {broadcast:.1?}");
        }
    }
    Ok(())
}

fn best(mut call: impl FnMut() -> Result) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..30 {
        let start = Instant::now();
        call()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}
