//! Public types are Send, Sync and Unpin.

use imnn_stats::{Evaluation, Loss, Matrix, Regularisation, ScoreCompression, Statistics, StatsError, Terms};

fn check<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn public_types_cross_threads() {
    check::<Evaluation>();
    check::<Loss>();
    check::<Matrix>();
    check::<Regularisation>();
    check::<ScoreCompression>();
    check::<Statistics>();
    check::<StatsError>();
    check::<Terms>();
}
