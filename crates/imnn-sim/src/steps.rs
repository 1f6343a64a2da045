//! How far apart the simulations below and above the fiducial are: checked once, when the value is made.

use crate::SimError;

/// The distances between the parameters of the simulations below and above, from which numerical derivatives are taken.
///
/// ```text
/// width[a] = theta_above[a] - theta_below[a] = delta_theta[a]        the full distance, not half of it
/// ```
///
/// Every width is finite and positive. A value made of the parameters themselves, which no convention can confuse, keeps
/// these too.
///
/// ```
/// use imnn_sim::ParameterSteps;
///
/// let steps = ParameterSteps::between(vec![0.9, -1.0], vec![1.1, 1.0])?;
/// assert_eq!(steps.widths(), [1.1 - 0.9, 2.0]);
/// let swapped = ParameterSteps::between(vec![1.1], vec![0.9]).unwrap_err();
/// assert!(swapped.to_string().ends_with("are the two swapped?"));
/// # Ok::<(), imnn_sim::SimError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSteps {
    widths: Vec<f64>,
    /// The values below and above, if they are known.
    theta: Option<(Vec<f64>, Vec<f64>)>,
}

impl ParameterSteps {
    /// Steps of these full widths, `delta_theta`.
    ///
    /// # Errors
    /// [`SimError::Step`] if one is not positive and finite.
    pub fn of_widths(delta_theta: impl Into<Vec<f64>>) -> Result<Self, SimError> {
        let widths = delta_theta.into();
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
            return Err(SimError::Step { name: "delta_theta", parameter, value, advice });
        }
        Ok(Self { widths, theta: None })
    }

    /// Steps from the values below to those above.
    ///
    /// # Errors
    /// [`SimError::Step`] if a value above is not larger than the one below or one is not finite, [`SimError::Steps`] if
    /// there are not as many below as above.
    pub fn between(below: Vec<f64>, above: Vec<f64>) -> Result<Self, SimError> {
        same_length("theta_below", below.len(), "theta_above", above.len())?;
        let widths = (0..below.len()).map(|a| width(a, below[a], above[a])).collect::<Result<_, _>>()?;
        Ok(Self { widths, theta: Some((below, above)) })
    }

    /// Steps of what may have been given; values are preferred to widths.
    ///
    /// # Errors
    /// As the others, and if nothing is given, only one of `theta_below` and `theta_above`, or widths and values that
    /// disagree by more than one part in a million (single precision rounds at a tenth of that).
    pub fn new(
        delta_theta: Option<Vec<f64>>,
        theta_below: Option<Vec<f64>>,
        theta_above: Option<Vec<f64>>,
    ) -> Result<Self, SimError> {
        let refuse = |reason: &str| Err(SimError::Steps { reason: reason.to_owned() });
        match (delta_theta, theta_below, theta_above) {
            (None, None, None) => refuse(
                "numerical derivatives need theta_below and theta_above, or delta_theta = theta_above - theta_below",
            ),
            (_, Some(_), None) => refuse("theta_below is given without theta_above; give both"),
            (_, None, Some(_)) => refuse("theta_above is given without theta_below; give both"),
            (Some(widths), None, None) => Self::of_widths(widths),
            (None, Some(below), Some(above)) => Self::between(below, above),
            (Some(widths), Some(below), Some(above)) => {
                let steps = Self::between(below, above)?;
                agree(&Self::of_widths(widths)?.widths, &steps.widths)?;
                Ok(steps)
            }
        }
    }

    /// The full distance between above and below for each parameter.
    pub fn widths(&self) -> &[f64] {
        &self.widths
    }

    /// The values below and above, if it was made of these.
    pub fn theta(&self) -> Option<(&[f64], &[f64])> {
        self.theta.as_ref().map(|(below, above)| (&below[..], &above[..]))
    }

    /// What messages call the widths: by what was given.
    pub fn name(&self) -> &'static str {
        if self.theta.is_some() { "theta_above - theta_below" } else { "delta_theta" }
    }

    /// Checks that there is one for each parameter of the fiducial, which lies between below and above if these are known.
    ///
    /// # Errors
    /// [`SimError::Steps`] if a fiducial value is outside, or the lengths differ.
    pub fn check_fiducial(&self, theta_fid: &[f64]) -> Result<(), SimError> {
        let name = if self.theta.is_some() { "theta_below" } else { "delta_theta" };
        same_length(name, self.widths.len(), "theta_fid", theta_fid.len())?;
        let Some((below, above)) = &self.theta else { return Ok(()) };
        for (a, &fiducial) in theta_fid.iter().enumerate() {
            let (below, above) = (below[a], above[a]);
            if !(below..=above).contains(&fiducial) {
                return Err(SimError::Steps {
                    reason: format!(
                        "theta_fid[{a}] = {fiducial} is not between theta_below[{a}] = {below} and theta_above[{a}] = {above}"
                    ),
                });
            }
        }
        Ok(())
    }
}

fn width(parameter: usize, below: f64, above: f64) -> Result<f64, SimError> {
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
    Err(SimError::Step { name: "(theta_above - theta_below)", parameter, value, advice })
}

fn agree(given: &[f64], between: &[f64]) -> Result<(), SimError> {
    const TOLERANCE: f64 = 1e-6;
    same_length("delta_theta", given.len(), "theta_below", between.len())?;
    for (a, (given, between)) in given.iter().zip(between).enumerate() {
        if (given - between).abs() > TOLERANCE * between {
            let half = (2.0 * given - between).abs() <= TOLERANCE * between;
            let advice = if half { "it is the full width, not half of it; " } else { "" };
            return Err(SimError::Steps {
                reason: format!(
                    "delta_theta[{a}] = {given} contradicts theta_above[{a}] - theta_below[{a}] = {between}: {advice}leave delta_theta out"
                ),
            });
        }
    }
    Ok(())
}

fn same_length(label: &str, found: usize, other: &str, expected: usize) -> Result<(), SimError> {
    if found == expected {
        return Ok(());
    }
    let plural = |n: usize| if n == 1 { "1 parameter".to_owned() } else { format!("{n} parameters") };
    Err(SimError::Steps { reason: format!("{label} has {}, {other} has {}", plural(found), plural(expected)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: Result<T, SimError>) -> String {
        result.unwrap_err().to_string()
    }

    fn theta(below: &[f64], above: &[f64]) -> Result<ParameterSteps, SimError> {
        ParameterSteps::between(below.to_vec(), above.to_vec())
    }

    #[test]
    fn widths_are_full_widths() {
        assert_eq!(ParameterSteps::of_widths([0.1, 0.2]).unwrap().widths(), [0.1, 0.2]);
        assert_eq!(theta(&[1.0, -1.0], &[1.5, 1.0]).unwrap().widths(), [0.5, 2.0]);
    }

    #[test]
    fn widths_zero_negative_or_not_finite_are_refused() {
        let widths = |width| message(ParameterSteps::of_widths([0.1, width]));
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
            message(theta(&[1.0], &[0.5])),
            "(theta_above - theta_below)[0] = -0.5: theta_above[0] = 0.5 must be larger than theta_below[0] = 1; are the two swapped?"
        );
        assert!(message(theta(&[f64::NAN], &[0.5])).contains("finite numbers are needed"));
        assert_eq!(message(theta(&[0.0], &[1.0, 2.0])), "theta_below has 1 parameter, theta_above has 2 parameters");
    }

    #[test]
    fn incomplete_and_contradictory_descriptions_are_refused() {
        let some = |x: f64| Some(vec![x]);
        assert!(message(ParameterSteps::new(None, None, None)).contains("need theta_below and theta_above"));
        assert!(message(ParameterSteps::new(None, some(0.0), None)).contains("without theta_above"));
        assert!(message(ParameterSteps::new(some(1.0), None, some(0.0))).contains("without theta_below"));
        assert_eq!(
            message(ParameterSteps::new(some(0.5), some(0.0), some(1.0))),
            "delta_theta[0] = 0.5 contradicts theta_above[0] - theta_below[0] = 1: it is the full width, not half of it; leave delta_theta out"
        );
        let both = ParameterSteps::new(some(f64::from(0.1f32)), some(0.4), some(0.5)).unwrap();
        assert_eq!(both, theta(&[0.4], &[0.5]).unwrap());
        assert_eq!(ParameterSteps::new(some(1.0), None, None).unwrap(), ParameterSteps::of_widths([1.0]).unwrap());
    }

    #[test]
    fn the_fiducial_is_between() {
        let steps = theta(&[0.0, 1.0], &[1.0, 2.0]).unwrap();
        steps.check_fiducial(&[0.5, 1.0]).unwrap();
        assert_eq!(
            message(steps.check_fiducial(&[0.5, 2.5])),
            "theta_fid[1] = 2.5 is not between theta_below[1] = 1 and theta_above[1] = 2"
        );
        assert_eq!(
            message(ParameterSteps::of_widths([0.1]).unwrap().check_fiducial(&[0.5, 2.5])),
            "delta_theta has 1 parameter, theta_fid has 2 parameters"
        );
    }
}
