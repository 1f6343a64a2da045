//! What of a row is data, and what stands behind.

use serde::{Deserialize, Serialize};

/// What stands behind the data in each row of a source: summaries that were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The shape of the data alone; as many numbers of a row, from the first.
    pub data_shape: Vec<usize>,
    /// How many summaries are behind them.
    pub n_given: usize,
    /// The function that makes them of the data, if it is one that has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
}

impl Given {
    /// How many there are, in words.
    pub fn count(&self) -> String {
        format!("{} given {}", self.n_given, if self.n_given == 1 { "summary" } else { "summaries" })
    }

    /// The numbers of the data in a row.
    pub fn data_len(&self) -> usize {
        self.data_shape.iter().product()
    }

    /// Whether an array of this shape is data alone, one or several; an axis of one channel at the end may be missing.
    pub fn are_data(&self, shape: &[usize]) -> bool {
        self.n_data(shape).is_some()
    }

    /// How many data sets an array of this shape holds, where it is data.
    pub(crate) fn n_data(&self, shape: &[usize]) -> Option<usize> {
        let without_channel = match &self.data_shape[..] {
            [space @ .., 1] if !space.is_empty() => space,
            all => all,
        };
        [&self.data_shape[..], without_channel].into_iter().find_map(|of_one| match shape {
            one if one == of_one => Some(1),
            [n, one @ ..] if one == of_one => Some(*n),
            _ => None,
        })
    }
}
