//! Several processes that train together, here as threads: the bits of one process, and one end for all.

use crate::checkpoints::{Run, outcome, runs};
use imnn::device::Cpu;
use imnn::fit::{FitError, Imnn, ImnnBuilder, Progress, Request, RunFolder};
use imnn::ranks::{Ranks, Threads};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What `n` ranks come to, each on its own.
fn on_ranks<T: Send>(n: usize, run: impl Fn(Arc<dyn Ranks>) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let run = &run;
        let rank = |ranks: Threads| scope.spawn(move || run(Arc::new(ranks)));
        let all: Vec<_> = Threads::new(n).into_iter().map(rank).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn builder(run: &Run, ranks: &Arc<dyn Ranks>) -> ImnnBuilder<f32> {
    let threads = 1 + ranks.rank() % 2;
    let cpu = Cpu::new(threads).unwrap().with_ranks(ranks.clone());
    (run.builder)(threads).device(cpu).ranks(ranks.clone())
}

#[test]
fn any_number_of_ranks_comes_to_the_bits_of_one_process() {
    for run in runs() {
        let mut alone = (run.builder)(1).build().unwrap();
        let found = alone.fit(&run.settings).unwrap();
        let expected = outcome(&alone, &found);
        for n in [2, 3, 5] {
            let found = on_ranks(n, |ranks| {
                let mut imnn = builder(&run, &ranks).build().unwrap();
                let found = imnn.fit(&run.settings).unwrap();
                outcome(&imnn, &found)
            });
            for (rank, found) in found.into_iter().enumerate() {
                assert_eq!(found.1, expected.1, "{}: rank {rank} of {n}", run.name);
                assert!(found.0 == expected.0, "{}: rank {rank} of {n} has other bits", run.name);
            }
        }
    }
}

#[test]
fn an_end_that_one_asks_for_is_that_of_all() {
    let run = &runs()[0];
    let ends_after = |imnn: &mut Imnn<f32>, last: usize| {
        let mut watch = |progress: &Progress| {
            if progress.iteration == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let found = imnn.fit_with(&run.settings, &mut watch).unwrap();
        outcome(imnn, &found)
    };
    let expected = ends_after(&mut (run.builder)(1).build().unwrap(), 5);
    let found = on_ranks(4, |ranks| {
        let last = if ranks.rank() == 2 { 5 } else { usize::MAX };
        ends_after(&mut builder(run, &ranks).build().unwrap(), last)
    });
    assert!(found.iter().all(|found| *found == expected));
}

/// Ranks that are suspended after some iterations, by what one of them is asked, and go on as another number of ranks.
#[test]
fn checkpoints_go_on_with_any_number_of_ranks() {
    let parent = tempfile::tempdir().unwrap();
    let silent = |_: &str| {};
    for (k, run) in runs().iter().enumerate() {
        let mut alone = (run.builder)(1).build().unwrap();
        let found = alone.fit(&run.settings).unwrap();
        let expected = outcome(&alone, &found);
        let target = parent.path().join(k.to_string());
        let train = |n: usize, until: Option<usize>| {
            on_ranks(n, |ranks| {
                let folder = match ranks.rank() {
                    0 => {
                        let folder = RunFolder::create(&target, &silent).unwrap();
                        folder.give(ranks.as_ref()).unwrap();
                        folder
                    }
                    _ => RunFolder::of_rank_0(ranks.as_ref()).unwrap(),
                };
                let checkpoints = folder.checkpoints().every(Duration::MAX);
                let control = checkpoints.control();
                let mut imnn = builder(run, &ranks).checkpoints(checkpoints).build().unwrap();
                let asks = ranks.rank() == n - 1;
                let found = imnn.fit_with(&run.settings, &mut |progress: &Progress| {
                    if asks && until.is_some_and(|until| progress.iteration >= until) {
                        control.ask(Request::Suspend);
                    }
                    ControlFlow::Continue(())
                });
                match found {
                    Ok(found) => Some(outcome(&imnn, &found)),
                    Err(FitError::Suspended { lost: None, .. }) => None,
                    Err(error) => panic!("{}: {error}", run.name),
                }
            })
        };
        assert!(train(3, Some(4)).iter().all(Option::is_none), "{}", run.name);
        assert!(train(2, Some(9)).iter().all(Option::is_none), "{}", run.name);
        for found in train(5, None) {
            assert!(found.as_ref() == Some(&expected), "{}: other bits", run.name);
        }
    }
}

#[test]
fn what_does_not_fit_together_is_named_before_training() {
    let runs = runs();
    let found = on_ranks(3, |ranks| {
        let run = if ranks.rank() == 1 { &runs[2] } else { &runs[0] };
        builder(run, &ranks).build().err().unwrap().to_string()
    });
    for message in found {
        assert!(message.contains("rank 1") && message.contains("weights, key or checkpoint"), "{message}");
    }
    // And what one rank cannot put together.
    let found = on_ranks(3, |ranks| {
        let names: &[&str] = if ranks.rank() == 2 { &["a"] } else { &["a", "b"] };
        builder(&runs[0], &ranks).names(names.iter().copied()).build().err().unwrap().to_string()
    });
    assert!(found.iter().all(|message| message.starts_with("rank 2 of 3") && message.contains("parameter names")));
}
