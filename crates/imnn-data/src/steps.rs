//! How far apart the simulations below and above the fiducial are.

use crate::DataError;

/// The parameters of the simulations for numerical derivatives.
///
/// ```text
/// width[a] = theta_above[a] - theta_below[a] = delta_theta[a]        the full distance, not half of it
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Steps {
    /// `delta_theta`: the full distance between above and below for each parameter.
    Widths(Vec<f64>),
    /// The values themselves, which no convention can confuse.
    Theta {
        /// The value of each parameter where it is below the fiducial.
        below: Vec<f64>,
        /// The value of each parameter where it is above the fiducial.
        above: Vec<f64>,
    },
}

impl Steps {
    /// Makes one description of what may have been given; values are preferred to widths.
    ///
    /// # Errors
    /// Where nothing is given, only one of `theta_below` and `theta_above`, or widths and values that disagree by more
    /// than one part in a million (single precision rounds at a tenth of that).
    pub fn new(
        delta_theta: Option<Vec<f64>>,
        theta_below: Option<Vec<f64>>,
        theta_above: Option<Vec<f64>>,
    ) -> Result<Self, DataError> {
        let refuse = |reason: &str| Err(DataError::Steps { reason: reason.to_owned() });
        match (delta_theta, theta_below, theta_above) {
            (None, None, None) => refuse(
                "numerical derivatives need theta_below and theta_above, or delta_theta = theta_above - theta_below",
            ),
            (_, Some(_), None) => refuse("theta_below is given without theta_above; give both"),
            (_, None, Some(_)) => refuse("theta_above is given without theta_below; give both"),
            (Some(widths), None, None) => Ok(Self::Widths(widths)),
            (None, Some(below), Some(above)) => Ok(Self::Theta { below, above }),
            (Some(widths), Some(below), Some(above)) => {
                let steps = Self::Theta { below, above };
                agree(&widths, &steps.widths()?)?;
                Ok(steps)
            }
        }
    }

    /// The full distance between above and below for each parameter.
    ///
    /// # Errors
    /// Where one is not a positive, finite number, or `below` and `above` differ in length.
    pub fn widths(&self) -> Result<Vec<f64>, DataError> {
        match self {
            Self::Widths(widths) => {
                check_widths(widths)?;
                Ok(widths.clone())
            }
            Self::Theta { below, above } => {
                same_length("theta_below", below.len(), "theta_above", above.len())?;
                (0..below.len()).map(|a| between(a, below[a], above[a])).collect()
            }
        }
    }

    /// Checks that the fiducial lies between below and above, where these are known.
    ///
    /// # Errors
    /// Where a fiducial value is outside, or the lengths differ.
    pub fn check_fiducial(&self, theta_fid: &[f64]) -> Result<(), DataError> {
        let widths = self.widths()?;
        let name = match self {
            Self::Widths(_) => "delta_theta",
            Self::Theta { .. } => "theta_below",
        };
        same_length(name, widths.len(), "theta_fid", theta_fid.len())?;
        let Self::Theta { below, above } = self else { return Ok(()) };
        for (a, &fiducial) in theta_fid.iter().enumerate() {
            if !(below[a]..=above[a]).contains(&fiducial) {
                let (below, above) = (below[a], above[a]);
                return Err(DataError::Steps {
                    reason: format!(
                        "theta_fid[{a}] = {fiducial} is not between theta_below[{a}] = {below} and theta_above[{a}] = {above}"
                    ),
                });
            }
        }
        Ok(())
    }
}

/// Checks that every width is positive and finite.
pub(crate) fn check_widths(widths: &[f64]) -> Result<(), DataError> {
    for (parameter, &value) in widths.iter().enumerate() {
        let advice = if !value.is_finite() {
            "a finite number is needed"
        } else if value == 0.0 {
            "without a distance there is no derivative; give theta_above - theta_below, the full width"
        } else if value < 0.0 {
            "it is theta_above - theta_below and positive; if the simulations are stored above first, swap the two"
        } else {
            continue;
        };
        let advice = advice.to_owned();
        return Err(DataError::Step { name: "delta_theta", parameter, value, advice });
    }
    Ok(())
}

fn between(parameter: usize, below: f64, above: f64) -> Result<f64, DataError> {
    let value = above - below;
    let advice = if !value.is_finite() {
        format!("from {below} to {above}; finite numbers are needed")
    } else if value <= 0.0 {
        format!(
            "theta_above[{parameter}] = {above} must be larger than theta_below[{parameter}] = {below}; are the two swapped?"
        )
    } else {
        return Ok(value);
    };
    Err(DataError::Step { name: "(theta_above - theta_below)", parameter, value, advice })
}

fn agree(given: &[f64], between: &[f64]) -> Result<(), DataError> {
    const TOLERANCE: f64 = 1e-6;
    check_widths(given)?;
    same_length("delta_theta", given.len(), "theta_below", between.len())?;
    for (a, (given, between)) in given.iter().zip(between).enumerate() {
        if (given - between).abs() > TOLERANCE * between {
            let half = (2.0 * given - between).abs() <= TOLERANCE * between;
            let advice = if half { "it is the full width, not half of it; " } else { "" };
            return Err(DataError::Steps {
                reason: format!(
                    "delta_theta[{a}] = {given} contradicts theta_above[{a}] - theta_below[{a}] = {between}: {advice}leave delta_theta out"
                ),
            });
        }
    }
    Ok(())
}

fn same_length(label: &str, found: usize, other: &str, expected: usize) -> Result<(), DataError> {
    if found == expected {
        return Ok(());
    }
    let (label, other) = (label.to_owned(), other.to_owned());
    Err(DataError::NParams { label, found, other, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
        result.unwrap_err().to_string()
    }

    fn theta(below: &[f64], above: &[f64]) -> Steps {
        Steps::Theta { below: below.to_vec(), above: above.to_vec() }
    }

    #[test]
    fn widths_are_full_widths() {
        assert_eq!(Steps::Widths(vec![0.1, 0.2]).widths().unwrap(), [0.1, 0.2]);
        assert_eq!(theta(&[1.0, -1.0], &[1.5, 1.0]).widths().unwrap(), [0.5, 2.0]);
    }

    #[test]
    fn widths_zero_negative_or_not_finite_are_refused() {
        let widths = |width| message(Steps::Widths(vec![0.1, width]).widths());
        assert_eq!(
            widths(0.0),
            "delta_theta[1] = 0: without a distance there is no derivative; give theta_above - theta_below, the full width"
        );
        assert_eq!(
            widths(-0.1),
            "delta_theta[1] = -0.1: it is theta_above - theta_below and positive; if the simulations are stored above first, swap the two"
        );
        assert_eq!(widths(f64::NAN), "delta_theta[1] = NaN: a finite number is needed");
        assert_eq!(widths(f64::INFINITY), "delta_theta[1] = inf: a finite number is needed");
        assert_eq!(
            message(theta(&[1.0], &[0.5]).widths()),
            "(theta_above - theta_below)[0] = -0.5: theta_above[0] = 0.5 must be larger than theta_below[0] = 1; are the two swapped?"
        );
        assert!(message(theta(&[f64::NAN], &[0.5]).widths()).contains("finite numbers are needed"));
        assert_eq!(
            message(theta(&[0.0], &[1.0, 2.0]).widths()),
            "theta_below has 1 parameter, theta_above has 2 parameters"
        );
    }

    #[test]
    fn incomplete_and_contradictory_descriptions_are_refused() {
        let some = |x: f64| Some(vec![x]);
        assert!(message(Steps::new(None, None, None)).contains("need theta_below and theta_above"));
        assert!(message(Steps::new(None, some(0.0), None)).contains("without theta_above"));
        assert!(message(Steps::new(some(1.0), None, some(0.0))).contains("without theta_below"));
        assert_eq!(
            message(Steps::new(some(0.5), some(0.0), some(1.0))),
            "delta_theta[0] = 0.5 contradicts theta_above[0] - theta_below[0] = 1: it is the full width, not half of it; leave delta_theta out"
        );
        let both = Steps::new(some(f64::from(0.1f32)), some(0.4), some(0.5)).unwrap();
        assert_eq!(both, theta(&[0.4], &[0.5]));
        assert_eq!(Steps::new(some(1.0), None, None).unwrap(), Steps::Widths(vec![1.0]));
    }

    #[test]
    fn the_fiducial_is_between() {
        let steps = theta(&[0.0, 1.0], &[1.0, 2.0]);
        steps.check_fiducial(&[0.5, 1.0]).unwrap();
        assert_eq!(
            message(steps.check_fiducial(&[0.5, 2.5])),
            "theta_fid[1] = 2.5 is not between theta_below[1] = 1 and theta_above[1] = 2"
        );
        assert_eq!(
            message(Steps::Widths(vec![0.1]).check_fiducial(&[0.5, 2.5])),
            "delta_theta has 1 parameter, theta_fid has 2 parameters"
        );
    }
}
