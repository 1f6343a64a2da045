//! Initial weights.

use crate::settings::{Setting, table, word_for};
use imnn_io::{ConfigError, Item};
use imnn_sim::{Key, KeyRng, Real};
use rand::distr::{Distribution, StandardUniform};
use rand_distr::StandardNormal;
use std::sync::Arc;
use toml::Value;

/// Where the normal distributions of the truncated initialisers are cut, in standard deviations.
const TRUNCATION: f64 = 2.0;
/// Standard deviation of a unit normal truncated there; dividing by it restores the variance asked for.
const TRUNCATED_DEVIATION: f64 = 0.879_625_66;

/// The distribution of the initial weights.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initialiser {
    /// Normal, truncated at two standard deviations, of variance `2 / (fan_in + fan_out)` (Glorot & Bengio 2010, eq. 16).
    GlorotNormal,
    /// Uniform of variance `2 / (fan_in + fan_out)` (Glorot & Bengio 2010, eq. 16).
    GlorotUniform,
    /// Normal, truncated at two standard deviations, of variance `2 / fan_in` (He et al. 2015, eq. 10).
    HeNormal,
    /// Normal, truncated at two standard deviations, of variance `1 / fan_in`.
    LecunNormal,
    /// Normal of this standard deviation.
    Normal(f64),
    /// All the same.
    Constant(f64),
    /// These values, row-major.
    Values(Arc<[f64]>),
}

impl Initialiser {
    /// Whether it can fill an array of this shape; otherwise says why not.
    pub(crate) fn check(&self, name: &str, shape: &[usize], len: usize) -> Result<(), String> {
        match self {
            Initialiser::Normal(deviation) if !(deviation.is_finite() && *deviation >= 0.0) => {
                Err(format!("the standard deviation of {name} must be finite and not negative, it is {deviation}"))
            }
            Initialiser::Constant(value) if !value.is_finite() => {
                Err(format!("the constant of {name} must be finite, it is {value}"))
            }
            Initialiser::Values(values) if values.len() != len => Err(format!(
                "{} initial values were given for {name} of shape {shape:?}, which has {len}",
                values.len()
            )),
            Initialiser::Values(values) => match values.iter().position(|v| !v.is_finite()) {
                Some(at) => Err(format!("initial value {at} of {name} is {}", values[at])),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl Initialiser {
    /// The initial weights of an array that `fan_in` inputs reach and from which `fan_out` outputs come.
    pub(crate) fn fill<E: Real>(&self, (fan_in, fan_out): (usize, usize), key: Key, values: &mut [E]) {
        // An array that no input reaches has no natural scale; one input stands in.
        let fan_in = fan_in.max(1) as f64;
        let both = fan_in + fan_out as f64;
        match self {
            Initialiser::GlorotNormal => truncated_normal(key, (2.0 / both).sqrt(), values),
            Initialiser::GlorotUniform => {
                // A uniform distribution on (-l, l) has the variance l^2 / 3.
                let limit = (6.0 / both).sqrt();
                draw(key, values, |rng| {
                    let u: f64 = StandardUniform.sample(rng);
                    limit * (2.0 * u - 1.0)
                });
            }
            Initialiser::HeNormal => truncated_normal(key, (2.0 / fan_in).sqrt(), values),
            Initialiser::LecunNormal => truncated_normal(key, (1.0 / fan_in).sqrt(), values),
            Initialiser::Normal(deviation) => draw(key, values, |rng| deviation * normal(rng)),
            Initialiser::Constant(value) => values.fill(E::of(*value)),
            // The number of values was compared with the shape when the layout was made.
            Initialiser::Values(given) => values.iter_mut().zip(given.iter()).for_each(|(v, &g)| *v = E::of(g)),
        }
    }
}

/// Normal draws cut at two standard deviations and widened, so that `deviation` is the standard deviation after the cut.
fn truncated_normal<E: Real>(key: Key, deviation: f64, values: &mut [E]) {
    let scale = deviation / TRUNCATED_DEVIATION;
    draw(key, values, |rng| {
        loop {
            let z = normal(rng);
            if z.abs() <= TRUNCATION {
                return scale * z;
            }
        }
    });
}

fn draw<E: Real>(key: Key, values: &mut [E], mut sample: impl FnMut(&mut KeyRng) -> f64) {
    let mut rng = key.rng();
    values.iter_mut().for_each(|value| *value = E::of(sample(&mut rng)));
}

fn normal(rng: &mut KeyRng) -> f64 {
    StandardNormal.sample(rng)
}

impl Setting for Initialiser {
    fn read(item: &Item<'_>) -> Result<Self, ConfigError> {
        let initialiser = if item.as_str().is_some() {
            item.choice(&NAMED)?.clone()
        } else {
            let example = "an initialiser such as \"he_normal\" or { normal = 0.01 }";
            let table = item.as_section().ok_or_else(|| item.wrong_type(example))?;
            table.only(&["normal", "constant", "values"])?;
            match (table.item("normal"), table.item("constant"), table.item("values")) {
                (Some(deviation), None, None) => Initialiser::Normal(deviation.read()?),
                (None, Some(value), None) => Initialiser::Constant(value.read()?),
                (None, None, Some(values)) => Initialiser::Values(Vec::read(&values)?.into()),
                _ => {
                    return Err(item.invalid("expected one of normal, constant, values, such as { normal = 0.01 }"));
                }
            }
        };
        // The number of values is compared with the shape when the shape is known.
        let len = if let Initialiser::Values(values) = &initialiser { values.len() } else { 0 };
        initialiser.check("the weights", &[len], len).map_err(|message| item.invalid(message))?;
        Ok(initialiser)
    }

    fn write(&self) -> Value {
        match self {
            Initialiser::Normal(deviation) => table([("normal", (*deviation).into())]),
            Initialiser::Constant(value) => table([("constant", (*value).into())]),
            Initialiser::Values(values) => table([("values", values.to_vec().into())]),
            named => word_for(&named, &NAMED),
        }
    }
}

/// Those that run files name by a word.
const NAMED: [(&str, &Initialiser); 5] = [
    ("glorot_normal", &Initialiser::GlorotNormal),
    ("glorot_uniform", &Initialiser::GlorotUniform),
    ("he_normal", &Initialiser::HeNormal),
    ("lecun_normal", &Initialiser::LecunNormal),
    ("zeros", &Initialiser::Constant(0.0)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Conv, Dense};
    use crate::{Model, Padding, dense, leaky_relu, serial};

    /// A dense layer of 400 inputs and 300 outputs whose weights start so.
    fn weights(initialiser: Initialiser, seed: u64) -> Vec<f64> {
        let layer = Dense { features: 300, weight: initialiser, bias: Initialiser::Constant(0.25) }.into();
        let model = Model::new(serial([layer]), &[400]).unwrap();
        let parameters = model.initialise::<f64>(Key::new(seed));
        assert!(parameters.entry(1).iter().all(|&b| b == 0.25));
        parameters.entry(0).to_vec()
    }

    /// Mean, variance and fourth moment over variance squared.
    fn moments(draws: &[f64]) -> (f64, f64, f64) {
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let variance = draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let fourth = draws.iter().map(|v| (v - mean).powi(4)).sum::<f64>() / n;
        (mean, variance, fourth / variance.powi(2))
    }

    #[test]
    fn distributions_have_the_moments_asked_for() {
        // The kurtosis of a unit normal cut at two standard deviations is 2.3655 (numerical integration), of a uniform
        // distribution 1.8, of a normal 3.
        let cases = [
            (Initialiser::GlorotNormal, 2.0 / 700.0, 2.3655),
            (Initialiser::GlorotUniform, 2.0 / 700.0, 1.8),
            (Initialiser::HeNormal, 2.0 / 400.0, 2.3655),
            (Initialiser::LecunNormal, 1.0 / 400.0, 2.3655),
            (Initialiser::Normal(0.3), 0.09, 3.0),
        ];
        for (seed, (initialiser, expected, expected_kurtosis)) in cases.into_iter().enumerate() {
            let draws = weights(initialiser.clone(), seed as u64);
            let n = draws.len() as f64;
            let (mean, variance, kurtosis) = moments(&draws);
            // Five standard errors each; that of the variance is sqrt((kurtosis - 1) / n).
            assert!(mean.abs() < 5.0 * (expected / n).sqrt(), "{initialiser:?}: mean {mean}");
            let error = ((expected_kurtosis - 1.0) / n).sqrt();
            assert!((variance / expected - 1.0).abs() < 5.0 * error, "{initialiser:?}: variance {variance}");
            assert!((kurtosis - expected_kurtosis).abs() < 0.1, "{initialiser:?}: kurtosis {kurtosis}");
        }
    }

    #[test]
    fn truncated_normals_end_at_two_deviations() {
        let draws = weights(Initialiser::GlorotNormal, 1);
        let edge = 2.0 * (2.0_f64 / 700.0).sqrt() / 0.879_625_66;
        let largest = draws.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        assert!(largest <= edge && largest > 0.999 * edge, "{largest} of {edge}");
    }

    /// The fans of a convolution are those of one tap times the number of taps.
    #[test]
    fn convolutions_count_the_taps() {
        let layer = Conv {
            filters: 50,
            kernel: vec![3, 5],
            strides: vec![],
            padding: Padding::Same,
            weight: Initialiser::GlorotNormal,
            bias: Initialiser::Normal(1e-6),
        }
        .into();
        let model = Model::new(serial([layer]), &[4, 4, 30]).unwrap();
        let parameters = model.initialise::<f64>(Key::new(5));
        let (_, variance, _) = moments(parameters.entry(0));
        let expected = 2.0 / (15.0 * 80.0);
        assert!((variance / expected - 1.0).abs() < 0.04, "{variance} for {expected}");
        assert!(parameters.entry(1).iter().all(|b| b.abs() < 5e-6 && *b != 0.0));
    }

    /// Pins the order of the draws, the keys and the scale.
    #[test]
    fn the_first_values_are_pinned() {
        let model = Model::new(serial([dense(2), leaky_relu(), dense(1)]), &[2]).unwrap();
        let parameters = model.initialise::<f64>(Key::new(0));
        assert_eq!(
            parameters.values()[..5],
            [0.25876613549770944, 0.472101846381098, -0.8858488836029339, 0.20214214360310423, 0.014554353384550063]
        );
        assert_eq!(parameters, model.initialise(Key::new(0)));
        assert_ne!(parameters, model.initialise(Key::new(1)));
    }

    /// Array k depends on the key and k alone: another array's shape does not move it.
    #[test]
    fn arrays_are_drawn_independently() {
        let narrow = Model::new(serial([dense(2), dense(3)]), &[2]).unwrap().initialise::<f64>(Key::new(9));
        let wide = Model::new(serial([dense(2), dense(3)]), &[7]).unwrap().initialise::<f64>(Key::new(9));
        assert_eq!(narrow.get("layers/1/weight"), wide.get("layers/1/weight"));
        assert_ne!(narrow.get("layers/0/bias"), narrow.get("layers/1/bias").map(|b| &b[..2]));
    }

    #[test]
    fn impossible_initialisers_are_refused() {
        let refuse = |weight: Initialiser, part: &str| {
            let layer = Dense { features: 2, weight, bias: Initialiser::Constant(0.0) }.into();
            let error = Model::new(serial([layer]), &[3]).unwrap_err().to_string();
            assert!(error.starts_with("layer layers[0] (dense): ") && error.contains(part), "{error}");
        };
        refuse(Initialiser::Values(vec![1.0; 5].into()), "5 initial values were given for weight of shape [3, 2]");
        refuse(Initialiser::Values(vec![f64::NAN; 6].into()), "initial value 0 of weight is NaN");
        refuse(Initialiser::Normal(-1.0), "standard deviation");
        refuse(Initialiser::Constant(f64::INFINITY), "finite");
        let layer = dense(usize::MAX / 2);
        let error = Model::new(serial([layer]), &[3]).unwrap_err().to_string();
        assert!(error.contains("too many weights"), "{error}");
        let error = Model::new(serial([dense(65536)]), &[18446, 74407370, 446, 615]).unwrap_err().to_string();
        assert!(error.contains("its output of shape [18446, 74407370, 446, 65536] is too large"), "{error}");
    }

    #[test]
    fn given_values_are_taken_over() {
        let values: Vec<f64> = (0..6).map(f64::from).collect();
        let weight = Initialiser::Values(values.clone().into());
        let layer = Dense { features: 2, weight, bias: Initialiser::Constant(0.0) }.into();
        let model = Model::new(serial([layer]), &[3]).unwrap();
        assert_eq!(model.initialise::<f64>(Key::new(0)).entry(0), values);
    }
}
