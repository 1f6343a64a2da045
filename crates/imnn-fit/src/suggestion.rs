//! Which network to take for simulations where the user names none.

use crate::data_only::DataOnly;
use crate::error::{FitError, Result};
use crate::input::InputMoments;
use crate::read_out::of_source;
use imnn_data::Source;
use imnn_device::Device;
use imnn_models::{Element, Layer, Model, Network, functions, serial};
use imnn_sim::Key;
use std::fmt;

/// A network chosen by looking at simulations: what is done to the data first, then [`Network::suggested`] for their shape.
///
/// Each channel (of a vector, each number) is shifted and scaled to mean 0 and variance 1. If the data have long tails, their
/// logarithm `ln(1 + d)` is tried too where it exists, else `asinh` of the scaled data: the network with the most
/// information in its untrained features, by their read-out ([`imnn_stats::ReadOut`]) on simulations that it was not made
/// from, is taken.
///
/// ```
/// use imnn_data::OnTheFly;
/// use imnn_device::Cpu;
/// use imnn_fit::{Imnn, Suggestion};
/// use imnn_sim::{GaussianMeanVariance, Key};
///
/// let source = OnTheFly::new(GaussianMeanVariance { n_data: 10 }, &[0.0, 1.0], 1000, 200)?;
/// let suggestion = Suggestion::new::<f32>(&source, 2, &Cpu::all()?, Key::new(0))?;
/// let imnn = Imnn::<f32>::builder(suggestion.network).training(source).theta_fid([0.0, 1.0]).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Suggestion {
    /// The network.
    pub network: Network,
    /// What is done to the data before the network proper.
    pub inputs: Inputs,
    /// `ln det F` of the untrained features of each network that was tried, where several were.
    pub tried: Vec<(Inputs, f64)>,
}

/// What is done to data first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Inputs {
    /// `(d - mean) / deviation`.
    Standardised,
    /// `ln(1 + d)`, standardised.
    Logarithm,
    /// `asinh((d - mean) / deviation)`.
    Asinh,
}

/// A network is taken before a simpler one if it has so much more information, in ln det F.
const WORTH_IT: f64 = 0.02;

/// Simulations for each feature that are enough to choose by.
const PER_FEATURE: usize = 50;

/// What makes another key of that of a run, which may be given here.
const OWN: u64 = u64::from_le_bytes(*b"suggests");

impl Suggestion {
    /// Looks at the simulations of a source (without summaries that stand behind them; [`beside_given`](crate::beside_given) puts them beside the network), up to a thousand of them, and where a choice is to be made at as many as
    /// [a read-out](crate::FitSettings::read_out) takes.
    ///
    /// # Errors
    /// If simulations cannot be read, are not finite, or do not go with the device.
    pub fn new<E: Element>(
        source: &dyn Source<E>,
        n_summaries: usize,
        device: &dyn Device<E>,
        key: Key,
    ) -> Result<Self> {
        let [of_moments, of_weights, of_read_out] = key.fold_in(OWN).split();
        let data;
        let source: &dyn Source<E> = match &source.spec().given {
            Some(_) => {
                data = DataOnly::new(source);
                &data
            }
            None => source,
        };
        let plain = InputMoments::of(source, of_moments, |value| value)?;
        let candidate = |inputs: Inputs| -> Result<Network> {
            let standardise = |moments: &InputMoments| functions::standardise(&moments.mean, &moments.deviation);
            let first: Vec<Layer> = match inputs {
                Inputs::Standardised => vec![standardise(&plain)],
                Inputs::Logarithm => {
                    vec![functions::log1p(), standardise(&InputMoments::of(source, of_moments, f64::ln_1p)?)]
                }
                Inputs::Asinh => vec![standardise(&plain), functions::asinh()],
            };
            Ok(serial(first.into_iter().chain(Network::suggested(source.input_shape(), n_summaries).layers)))
        };
        let mut all = vec![Inputs::Standardised];
        if plain.long_tailed() {
            let has_logarithm = plain.skewed() && plain.smallest > -1.0;
            all.push(if has_logarithm { Inputs::Logarithm } else { Inputs::Asinh });
        }
        let mut suggestion =
            Suggestion { network: candidate(Inputs::Standardised)?, inputs: Inputs::Standardised, tried: vec![] };
        if all.len() == 1 {
            return Ok(suggestion);
        }
        for inputs in all {
            let network = candidate(inputs)?;
            let model = Model::new(network.clone(), source.input_shape())?;
            let weights = model.initialise::<E>(of_weights);
            // A function that some simulation has no value of is not the one to take.
            let found = match of_source(&model, &weights, device, source, of_read_out, PER_FEATURE) {
                Ok(Ok(found)) => found.read_out.held_out,
                Ok(Err(_)) | Err(FitError::Stats(_) | FitError::Device(_)) => f64::NEG_INFINITY,
                Err(error) => return Err(error),
            };
            let before = suggestion.tried.iter().map(|(_, found)| *found).fold(f64::NEG_INFINITY, f64::max);
            if found > before + WORTH_IT {
                suggestion = Suggestion { network, inputs, tried: suggestion.tried };
            }
            suggestion.tried.push((inputs, found));
        }
        Ok(suggestion)
    }
}

/// What was chosen and why, in one line; the layers as run files write them, but for the constants.
impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.network.to_toml().ok();
        let layers = written.as_ref().and_then(|layers| layers.as_array()).map_or(&[][..], Vec::as_slice);
        for (k, layer) in layers.iter().enumerate() {
            let before = if k == 0 { "" } else { ", " };
            match layer.as_table().and_then(|layer| layer.keys().next()) {
                Some(name) if name == "standardise" => write!(f, "{before}standardise")?,
                _ => write!(f, "{before}{layer}")?,
            }
        }
        for (k, (inputs, found)) in self.tried.iter().enumerate() {
            let name = match inputs {
                Inputs::Standardised => "data as they are",
                Inputs::Logarithm => "their logarithm",
                Inputs::Asinh => "their asinh",
            };
            let before = if k == 0 { "; ln det F before training" } else { "," };
            write!(f, "{before} {found:.2} with {name}")?;
        }
        Ok(())
    }
}
