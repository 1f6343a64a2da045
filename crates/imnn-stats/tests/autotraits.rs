//! Public types are Send, Sync and Unpin.

use imnn_stats::{
    Evaluation, Loss, Matrix, Penalty, Record, Regularisation, ScoreCompression, Statistics, StatsError, Trace,
};

fn check<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn public_types_cross_threads() {
    check::<Evaluation>();
    check::<Loss>();
    check::<Matrix>();
    check::<Record>();
    check::<Penalty>();
    check::<Regularisation>();
    check::<ScoreCompression>();
    check::<Statistics>();
    check::<StatsError>();
    check::<Trace>();
}
