//! Channels shifted and scaled by constants.

use super::listed::{Form, Listed, ReadNetwork};
use crate::builder::{BuildError, Builder};
use crate::error::Result;
use crate::layer::Layer;
use crate::settings::{Setting, required, table, table_of};
use imnn_io::{ConfigError, Item};

/// `y[o, c] = (x[o, c] - mean[c]) / deviation[c]` for each channel c, the last axis; of a vector each number is a channel.
///
/// The constants are settings, not weights: training does not change them, and there is no initialiser.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardise {
    /// What is subtracted: one finite number for all channels, or one for each.
    pub mean: Vec<f64>,
    /// What the rest is divided by: one positive, finite number for all channels, or one for each.
    pub deviation: Vec<f64>,
}

/// `(x - mean) / deviation`, with one constant for all channels or one for each; they are not trained.
///
/// ```
/// use imnn_models::{Batch, Model, forward, serial, standardise};
/// let model = Model::new(serial([standardise(&[1.0, 10.0], &[2.0])]), &[2])?;
/// let output = forward(&model, &[], &Batch { n: 1, values: &[5.0, 4.0], tangents: &[1.0, 0.0] })?;
/// assert_eq!(output.values, [2.0, -3.0]);
/// assert_eq!(output.tangents, [0.5, 0.0]);
/// # Ok::<(), imnn_models::ModelError>(())
/// ```
pub fn standardise(mean: &[f64], deviation: &[f64]) -> Layer {
    Standardise { mean: mean.to_vec(), deviation: deviation.to_vec() }.into()
}

impl Listed for Standardise {
    const NAME: &'static str = "standardise";
    const ABOUT: &'static str = "(x - mean) / deviation, one number for all channels or one for each; not trained";
    const FORM: Form<Self> = Form::Settings {
        example: "{ mean = [0.0], deviation = [1.0] }",
        read,
        write: |standardise, _| {
            let Standardise { mean, deviation } = standardise;
            Ok(table([("mean", mean.write()), ("deviation", deviation.write())]))
        },
    };

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        at.standardise(&self.mean, &self.deviation)?;
        Ok(())
    }
}

fn read(item: &Item<'_>, _: ReadNetwork<'_>) -> Result<Standardise, ConfigError> {
    let table = table_of(item, &["mean", "deviation"])?;
    let mean = Setting::read(&required(&table, "mean", "[0.0]")?)?;
    let deviations = required(&table, "deviation", "[1.0]")?.list("numbers")?;
    let deviation = deviations.iter().map(positive).collect::<Result<_, _>>()?;
    Ok(Standardise { mean, deviation })
}

fn positive(item: &Item<'_>) -> Result<f64, ConfigError> {
    let deviation = item.read().ok().filter(|&deviation: &f64| deviation > 0.0);
    deviation.ok_or_else(|| item.wrong_type("a positive, finite number"))
}

#[cfg(test)]
mod tests {
    use crate::{Batch, Model, Output, Primitive, backward, dense, forward, leaky_relu, serial, standardise, tanh};

    fn refused(mean: &[f64], deviation: &[f64], shape: &[usize]) -> String {
        let network = serial([tanh(), standardise(mean, deviation)]);
        Model::new(network, shape).unwrap_err().to_string()
    }

    #[test]
    fn channels_are_shifted_and_scaled_and_tangents_scaled() {
        // Two positions of two channels; one deviation for both.
        let model = Model::new(serial([standardise(&[1.0, -2.0], &[4.0])]), &[2, 2]).unwrap();
        let batch = Batch { n: 1, values: &[1.0, 2.0, 9.0, -4.0], tangents: &[4.0, 0.0, 1.0, -2.0] };
        let output = forward(&model, &[], &batch).unwrap();
        assert_eq!((output.values, output.tangents), (vec![0.0, 1.0, 2.0, -0.5], vec![1.0, 0.0, 0.25, -0.5]));
        // (x W + b - 7) / 2: what flows back is halved, whatever the mean.
        let model = Model::new(serial([dense(1), standardise(&[7.0], &[2.0])]), &[1]).unwrap();
        let (batch, mut gradient) = (Batch { n: 1, values: &[3.0], tangents: &[5.0] }, [0.0; 2]);
        let cotangents = Output { values: vec![1.0], tangents: vec![10.0] };
        backward(&model, &[1.5, 2.0], &batch, &cotangents, &mut gradient).unwrap();
        assert_eq!(gradient, [(3.0 + 10.0 * 5.0) / 2.0, 0.5]);
    }

    #[test]
    fn one_number_is_that_of_all_channels() {
        let values: Vec<f32> = (0..12).map(|i| i as f32 / 7.0).collect();
        let run = |mean: &[f64], deviation: &[f64]| {
            let model = Model::new(serial([standardise(mean, deviation)]), &[2, 3]).unwrap();
            forward(&model, &[], &Batch { n: 2, values: &values, tangents: &[] }).unwrap()
        };
        assert_eq!(run(&[0.3], &[1.7]), run(&[0.3; 3], &[1.7; 3]));
        assert_ne!(run(&[0.3], &[1.7]), run(&[0.3, 0.3, 0.4], &[1.7]));
    }

    #[test]
    fn it_has_no_weights_and_no_kink() {
        let model = Model::new(serial([standardise(&[0.0], &[2.0]), dense(2)]), &[3]).unwrap();
        assert_eq!((model.layout().len(), model.kink()), (8, None));
        let [Primitive { label, .. }, _] = model.primitives() else { panic!("{:?}", model.primitives()) };
        assert_eq!(&**label, "layers[0] (standardise)");
        let kinked = Model::new(serial([standardise(&[0.0], &[2.0]), leaky_relu()]), &[3]).unwrap();
        assert_eq!(kinked.kink(), Some("layers[1] (leaky_relu)"));
    }

    #[test]
    fn constants_that_do_not_fit_are_refused() {
        let found = |reason: &str, shape: &str| {
            format!("layer layers[1] (standardise): {reason} (the shape that reaches it is {shape})")
        };
        let lists = "mean has 2 numbers, expected 1 for all channels or 3, one for each";
        assert_eq!(refused(&[0.0; 2], &[1.0], &[5, 3]), found(lists, "[5, 3]"));
        let lists = "deviation has 0 numbers, expected 1 for all channels or 3, one for each";
        assert_eq!(refused(&[0.0; 3], &[], &[5, 3]), found(lists, "[5, 3]"));
        assert_eq!(refused(&[0.0], &[1.0; 3], &[4, 1]), found("deviation has 3 numbers, expected 1 for 1 channel", "[4, 1]"));
        let reason = "the mean of channel 1 must be finite, it is inf";
        assert_eq!(refused(&[0.0, f64::INFINITY], &[1.0], &[2]), found(reason, "[2]"));
        for (deviation, is) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
            let reason = format!("the deviation of channel 0 must be positive and finite, it is {is}");
            assert_eq!(refused(&[0.0], &[deviation, 1.0], &[2]), found(&reason, "[2]"));
        }
    }
}
