//! What a training run records of each iteration.

use crate::fisher::Statistics;
use crate::penalty::Penalty;
use crate::regularisation::lambda2;

/// Makes [`Record`] and [`Trace`] from one list of columns: to add a column, add it here and give its value in [`Record::new`].
/// The GPU's loss kernel fills `record[RECORD_<NAME>]`.
macro_rules! columns {
    ($($(#[$doc:meta])+ $column:ident: $name:literal,)+) => {
        /// The numbers that one iteration adds to the history.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct Record {
            $($(#[$doc])+ pub $column: f64,)+
        }

        /// The records of many iterations, a vector for each column.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Trace {
            $($(#[$doc])+ pub $column: Vec<f64>,)+
        }

        impl Record {
            /// The names of the columns in `history.npz`, in order.
            pub const NAMES: [&'static str; [$($name),+].len()] = [$($name),+];

            /// The numbers in the order of [`Record::NAMES`].
            pub fn to_array(&self) -> [f64; Record::NAMES.len()] {
                [$(self.$column),+]
            }

            /// The record of numbers in the order of [`Record::NAMES`].
            pub fn from_array([$($column),+]: [f64; Record::NAMES.len()]) -> Self {
                Record { $($column),+ }
            }
        }

        impl Trace {
            /// The columns in the order of [`Record::NAMES`].
            pub fn columns(&self) -> [&[f64]; Record::NAMES.len()] {
                [$(&self.$column),+]
            }

            /// The trace of columns in the order of [`Record::NAMES`].
            pub fn from_columns([$($column),+]: [Vec<f64>; Record::NAMES.len()]) -> Self {
                Trace { $($column),+ }
            }

            /// Adds an iteration.
            pub fn push(&mut self, record: Record) {
                $(self.$column.push(record.$column);)+
            }
        }
    };
}

columns! {
    /// `det F`, the determinant of the Fisher information matrix.
    det_f: "detF",
    /// `det C`, the determinant of the covariance of the summaries.
    det_c: "detC",
    /// `det C^-1`.
    det_inv_c: "detinvC",
    /// `L2 = ||C - I|| + ||C^-1 - I||`, the distance of the covariance from the identity.
    lambda2: "lambda2",
    /// The strength of the penalty: `r(L2)`, or `kappa`.
    r: "r",
    /// `ln det F`, finite even if `det F` is not.
    log_det_f: "lndetF",
}

impl Record {
    /// The record of these statistics, with the strength that `penalty` has there.
    pub fn new(statistics: &Statistics, penalty: &Penalty) -> Self {
        let lambda2 = lambda2(statistics.c.view(), statistics.inv_c.view());
        Record {
            det_f: statistics.det_f,
            det_c: statistics.det_c,
            det_inv_c: statistics.det_inv_c,
            lambda2,
            r: penalty.strength(lambda2),
            log_det_f: statistics.log_det_f,
        }
    }

    /// `L2`, the distance of the covariance from the identity, on which penalties depend.
    pub(crate) fn distance(&self) -> f64 {
        self.lambda2
    }
}

impl Trace {
    /// Number of iterations: the length of the longest column.
    pub fn len(&self) -> usize {
        self.columns().iter().map(|column| column.len()).max().unwrap_or(0)
    }

    /// Whether there is no iteration.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_columns_and_names_are_in_one_order() {
        let record = Record::from_array(std::array::from_fn(|k| k as f64));
        let place = |name| Record::NAMES.iter().position(|other| *other == name).unwrap();
        assert_eq!((record.det_f, record.det_inv_c), (place("detF") as f64, place("detinvC") as f64));
        assert_eq!((record.lambda2, record.r), (place("lambda2") as f64, place("r") as f64));
        let mut trace = Trace::default();
        assert!(trace.is_empty());
        trace.push(record);
        trace.push(Record { det_f: 51.0, ..record });
        assert_eq!(trace.det_f, [record.det_f, 51.0]);
        assert_eq!(trace.columns().map(|column| column[0]), record.to_array());
        assert_eq!(Trace::from_columns(trace.columns().map(<[f64]>::to_vec)), trace);
        assert_eq!(trace.len(), 2);
    }
}
