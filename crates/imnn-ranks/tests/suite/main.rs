//! Ranks as threads: collective calls, agreement, ranks that are gone, and the end of a process that waits too long.

#![allow(clippy::unwrap_used)]

mod agreement;
mod gone;
mod laws;
mod run;
mod watchdog;

use imnn_ranks::{Ranks, RanksError, Threads, gather_all};
use run::on_each;

const SIZES: [usize; 5] = [1, 2, 3, 5, 8];

#[test]
fn collective_calls_bring_what_was_sent() {
    for size in SIZES {
        on_each(size, |ranks| {
            for seed in 0..20 {
                laws::check(&ranks, seed, 300);
            }
        });
    }
}

#[test]
fn what_only_the_sender_knows_the_length_of_comes_whole() {
    for size in SIZES {
        let all = on_each(size, |ranks| gather_all(&ranks, "x".repeat(ranks.rank()).as_bytes()).unwrap());
        for parts in all {
            assert_eq!(parts, (0..size).map(|k| vec![b'x'; k]).collect::<Vec<_>>());
        }
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let [ranks] = <[Threads; 1]>::try_from(Threads::new(1)).unwrap();
    let mut all = [0; 3];
    let refused = |result: Result<(), RanksError>, words: &str| {
        let error = result.unwrap_err();
        assert!(matches!(error, RanksError::Lengths(_)) && error.to_string().contains(words), "{error}");
    };
    refused(ranks.gather(&[1, 2], &mut all, &[2]), "1 lengths for 1 ranks that make 2 bytes, and 3 bytes to receive");
    refused(ranks.gather(&[1, 2], &mut all, &[3]), "2 bytes to gather, and 3 expected");
    refused(ranks.gather(&[1], &mut all, &[1, 2]), "2 lengths for 1 ranks");
    refused(ranks.gather(&[], &mut all, &[usize::MAX, 4]), "more than memory holds");
    refused(ranks.exchange(&[1, 2, 3], &[3], &mut all[..2], &[2]), "3 bytes to send to itself, and 2 expected");
    refused(ranks.exchange(&[1, 2], &[3], &mut all, &[3]), "3 bytes, and 2 bytes to send");
}

#[test]
fn ranks_that_do_different_things_all_get_an_error() {
    let errors = on_each(3, |ranks| match ranks.rank() {
        1 => ranks.broadcast(&mut [0; 4]).unwrap_err(),
        _ => ranks.gather(&[0], &mut [0; 3], &[1; 3]).unwrap_err(),
    });
    assert!(errors.iter().all(|error| matches!(error, RanksError::Lengths(_))), "{errors:?}");
    let errors = on_each(2, |ranks| {
        // Rank 0 expects one byte more than rank 1 sends.
        let (send, lens) = if ranks.rank() == 0 { ([1, 1], [1, 2]) } else { ([1, 1], [1, 1]) };
        ranks.exchange(&[0; 2], &send, &mut vec![0; lens.iter().sum()], &lens).unwrap_err()
    });
    assert!(errors.iter().all(|error| matches!(error, RanksError::Lengths(_))), "{errors:?}");
}
