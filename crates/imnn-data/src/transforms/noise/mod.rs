//! Additive noise from a finite bank or a simulator.

mod buffers;
mod origin;

use std::sync::Arc;

use imnn_sim::{Key, Real, Simulator};
use ndarray::ArrayD;

use self::buffers::Buffers;
use self::origin::Origin;
use crate::scratch::lend;
use crate::sources::on_the_fly::check_theta;
use crate::transforms::augment::{DRAW, Symmetries};
use crate::values::finite;
use crate::{
    ArrayPath, Augmentation, DataError, HeldRows, RowArray, RowOptions, Simulation, Transform, arrays, layout,
    open_rows,
};
use imnn_io::text::tuple;

/// Noise that is added to simulations: drawn anew for each key, from a bank of samples or by a simulator.
///
/// ```text
/// d = simulation + scale * noise[k]      k uniform over the bank, with replacement
/// ```
///
/// It is a [`Transform`]: [`Transformed`](crate::Transformed) adds it to any source. The same noise is added to a
/// simulation and to those of the same seed below and above it, so that it cancels in their difference, up to rounding
/// (of `1e-7 |d|` in f32: where that is not small beside the difference, take f64 or wider steps). Exact derivatives stay
/// as they are, since the noise does not depend on the parameters.
///
/// A network can learn the samples of a small bank by heart, as it can the simulations. Validation should then have a bank
/// of its own.
///
/// ```
/// use imnn_data::{Augmentation, Microbatch, Noise, OnTheFly, Source, Transformed};
/// use imnn_sim::{GaussianMeanVariance, Key};
/// use ndarray::{ArrayD, IxDyn};
///
/// let bank = ArrayD::from_shape_fn(IxDyn(&[500, 10]), |i| (37.0 * (10 * i[0] + i[1]) as f32).sin());
/// let noise = Noise::array("noise", bank)?.with_scale(0.1)?;
/// let simulations = OnTheFly::new(GaussianMeanVariance { n_data: 10 }, &[0.0, 1.0], 1000, 100)?;
/// let noisy = Transformed::new(simulations, noise)?;
/// noisy.read(0..64, Key::new(0), &mut Microbatch::new())?;
/// # Ok::<(), imnn_data::DataError>(())
/// ```
///
/// A clone shares the bank.
#[derive(Clone, Debug)]
pub struct Noise<E: Real> {
    origin: Arc<Origin<E>>,
    /// Of one sample, as the simulations have it.
    shape: Vec<usize>,
    scale: f64,
    symmetries: Option<Symmetries>,
    buffers: Arc<Buffers<E>>,
}

impl<E: Real> Noise<E> {
    /// A bank of samples, read whenever one is drawn: in memory or in files.
    ///
    /// # Shapes
    /// * `bank`: `(n_noise, *input)`
    ///
    /// # Errors
    /// If the bank has no samples. Values are checked whenever they are read.
    pub fn bank(bank: Box<dyn RowArray<E>>) -> Result<Self, DataError> {
        let shape = bank.shape();
        if shape.is_empty() || shape[1..].contains(&0) {
            let advice = "the first axis counts the samples of the noise, the others are those of a simulation";
            return Err(DataError::shape(bank.label(), shape, "(n_noise, *input)", advice));
        }
        if shape[0] == 0 {
            return Err(DataError::NoRows { name: "n_noise" });
        }
        Ok(Self::of(shape[1..].to_vec(), Origin::Bank(bank)))
    }

    /// A bank of samples in memory, `(n_noise, *input)`; `label` is what messages call it.
    ///
    /// # Errors
    /// As [`bank`](Self::bank), and where a value is not finite.
    pub fn array(label: impl Into<String>, bank: ArrayD<E>) -> Result<Self, DataError> {
        let (label, shape) = (label.into(), bank.raw_dim());
        let values = finite(&label, bank)?;
        // As many values as the array had.
        let bank = ArrayD::from_shape_vec(shape, values).expect("values fill their shape");
        Self::bank(Box::new(HeldRows::new(label, bank)))
    }

    /// A bank of samples in a file, or in a file for each, that stays there: a sample is read whenever it is drawn.
    ///
    /// # Errors
    /// As [`open_rows`] and [`bank`](Self::bank).
    pub fn open(path: &ArrayPath, options: &RowOptions) -> Result<Self, DataError> {
        Self::bank(open_rows::<E>(path, options)?)
    }

    /// A bank of samples read from a file, or from a file for each, into memory.
    ///
    /// # Errors
    /// Whatever is wrong with the files, and as [`array`](Self::array).
    pub fn load(path: &ArrayPath) -> Result<Self, DataError> {
        Self::array(path.to_string(), arrays::read(path)?)
    }

    /// Noise that is made by a simulator at `theta`, new whenever it is drawn.
    ///
    /// # Errors
    /// If the simulator refuses `theta`.
    pub fn simulated(simulator: impl Simulator + 'static, theta: &[f64]) -> Result<Self, DataError> {
        check_theta(&simulator, theta)?;
        let shape = simulator.data_shape();
        Ok(Self::of(shape, Origin::Simulated { simulator: Box::new(simulator), theta: theta.to_vec() }))
    }

    fn of(shape: Vec<usize>, origin: Origin<E>) -> Self {
        Self { origin: Arc::new(origin), shape, scale: 1.0, symmetries: None, buffers: Arc::default() }
    }

    /// Multiplies the noise by a factor; 1 by default.
    ///
    /// # Errors
    /// If it is not positive and finite.
    pub fn with_scale(mut self, scale: f64) -> Result<Self, DataError> {
        if !(scale.is_finite() && scale > 0.0) {
            let reason = format!("scale = {scale}, expected a positive, finite number");
            return Err(DataError::unusable(self.label(), reason));
        }
        self.scale = scale;
        Ok(self)
    }

    /// Sees each sample through a random symmetry of its grid, which makes many of one; none by default.
    ///
    /// The draw is independent of that of the simulation, and the spatial axes are all but the last, as for
    /// [`Augmented`](crate::Augmented).
    ///
    /// # Errors
    /// If transposes are asked for and the spatial axes are fewer than two or differ in length.
    pub fn with_symmetries(mut self, augmentation: Augmentation) -> Result<Self, DataError> {
        self.symmetries = match augmentation.any() {
            true => Some(Symmetries::spatial(&self.shape, augmentation)?),
            false => None,
        };
        Ok(self)
    }

    /// Views each sample with another shape of as many values, for instance `(32, 32)` as `(32, 32, 1)`.
    ///
    /// # Errors
    /// If the number of values differs, or the symmetries do not fit the shape.
    pub fn reshape(mut self, shape: &[usize]) -> Result<Self, DataError> {
        layout::check_view(self.label(), &self.shape, shape)?;
        self.shape = shape.to_vec();
        let augmentation = self.symmetries.as_ref().map_or(Augmentation::default(), Symmetries::augmentation);
        self.with_symmetries(augmentation)
    }

    /// The samples of the bank; none for a simulator, which makes a new one each time.
    pub fn n_samples(&self) -> Option<usize> {
        self.origin.bank().map(|bank| bank.shape()[0])
    }

    /// The bytes of noise that it keeps in memory.
    pub fn memory(&self) -> usize {
        self.origin.bank().map_or(0, |bank| bank.memory())
    }

    /// The bytes that the whole bank would take in memory; none for a simulator.
    pub fn size(&self) -> u64 {
        let sample = self.shape.iter().product::<usize>() * size_of::<E>();
        self.n_samples().map_or(0, |n| n as u64 * sample as u64)
    }

    fn label(&self) -> &str {
        self.origin.bank().map_or("the noise of the simulator", |bank| bank.label())
    }
}

impl<E: Real> Transform<E> for Noise<E> {
    fn name(&self) -> &str {
        self.label()
    }

    fn check(&self, input_shape: &[usize]) -> Result<(), DataError> {
        if self.shape == input_shape {
            return Ok(());
        }
        let advice = format!("a simulation has shape {}, and noise is added to each value of it", tuple(input_shape));
        let (found, expected) = match self.n_samples() {
            // As it is viewed, which is what does not fit.
            Some(n) => ([&[n], &self.shape[..]].concat(), format!("({})", layout::axes("n_noise", input_shape))),
            None => (self.shape.clone(), tuple(input_shape)),
        };
        Err(DataError::shape(self.label(), &found, expected, advice))
    }

    fn apply(&self, key: Key, simulation: &mut Simulation<'_, E>) -> Result<(), DataError> {
        // Once more: a transform that hands its simulations on to this one may not have asked before.
        self.check(simulation.shape)?;
        let [sample, symmetry] = key.split();
        self.buffers.lend(self.shape.iter().product(), |noise| {
            self.origin.draw(sample, simulation.row, &self.shape, noise)?;
            if self.scale != 1.0 {
                noise.iter_mut().for_each(|x| *x = E::of(x.f64() * self.scale));
            }
            match &self.symmetries {
                None => {
                    for data in simulation.data() {
                        data.iter_mut().zip(&*noise).for_each(|(x, &n)| *x = *x + n);
                    }
                }
                Some(symmetries) => lend(&DRAW, |draw| {
                    let from = symmetries.draw(symmetry, draw);
                    for data in simulation.data() {
                        data.iter_mut().zip(from).for_each(|(x, &from)| *x = *x + noise[from]);
                    }
                }),
            }
            Ok(())
        })
    }
}
