//! What ranks agree on.

use crate::SIZES;
use crate::run::on_each;
use imnn_ranks::{Agreed, Digest, Outcome, RanksError, agree};

/// What all agree on if each has this outcome and digest; it must be the same on all.
fn agreed(outcomes: &[Outcome], digests: &[Option<u64>]) -> Result<Agreed, RanksError> {
    let mut all = on_each(outcomes.len(), |ranks| {
        use imnn_ranks::Ranks as _;
        let rank = ranks.rank();
        let digest = digests.get(rank).copied().flatten().map(|value| Digest { what: "weights", value });
        agree(&ranks, &outcomes[rank], digest)
    });
    let first = all.remove(0);
    for other in all {
        assert_eq!(format!("{first:?}"), format!("{other:?}"));
    }
    first
}

fn failed(message: &str) -> Outcome {
    Outcome::Failed(message.into())
}

#[test]
fn all_go_on_if_all_is_well() {
    for size in SIZES {
        assert_eq!(agreed(&vec![Outcome::Fine; size], &[]).unwrap(), Agreed::GoOn);
        assert_eq!(agreed(&vec![Outcome::Fine; size], &vec![Some(7); size]).unwrap(), Agreed::GoOn);
    }
}

#[test]
fn the_lowest_rank_that_failed_is_heard() {
    for size in SIZES {
        let mut outcomes = vec![Outcome::Fine; size];
        outcomes[size - 1] = failed("row 12 is not finite\nin fiducial.npy");
        let error = agreed(&outcomes, &[]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("rank {} of {size} on ", size - 1)), "{text}");
        assert!(text.ends_with(": row 12 is not finite\nin fiducial.npy"), "{text}");
    }
    let outcomes = [Outcome::Stop(15), failed(""), Outcome::Fine, failed("later")];
    match agreed(&outcomes, &[Some(1), Some(2), Some(3), Some(4)]).unwrap_err() {
        RanksError::Failed { rank: 1, size: 4, host, message } => assert!(!host.is_empty() && message.is_empty()),
        error => panic!("{error}"),
    }
}

#[test]
fn one_that_is_to_stop_stops_all() {
    let mut outcomes = vec![Outcome::Fine; 5];
    outcomes[2] = Outcome::Stop(15);
    outcomes[4] = Outcome::Stop(2);
    assert_eq!(agreed(&outcomes, &[]).unwrap(), Agreed::Stop { rank: 2, signal: 15 });
    assert_eq!(agreed(&[Outcome::Stop(10)], &[]).unwrap(), Agreed::Stop { rank: 0, signal: 10 });
}

/// The rank that is named, and that it is compared with.
fn odd(digests: &[Option<u64>]) -> (usize, usize) {
    let outcomes = vec![Outcome::Fine; digests.len()];
    match agreed(&outcomes, digests).unwrap_err() {
        error @ RanksError::Differ { rank, other, .. } => {
            let text = error.to_string();
            assert!(text.contains(": its weights are not those of rank "), "{text}");
            (rank, other)
        }
        error => panic!("{error}"),
    }
}

#[test]
fn the_rank_with_another_digest_is_named() {
    let some = |digests: &[u64]| odd(&digests.iter().copied().map(Some).collect::<Vec<_>>());
    assert_eq!(some(&[5, 5, 6]), (2, 0));
    // Rank 0 is the odd one.
    assert_eq!(some(&[6, 5, 5]), (0, 1));
    // No majority: rank 0 is right.
    assert_eq!(some(&[1, 2]), (1, 0));
    assert_eq!(some(&[1, 2, 2, 1]), (1, 0));
    // Ranks without a digest have no say.
    assert_eq!(odd(&[None, Some(3), Some(4), None, Some(4)]), (1, 2));
}
