//! Random changes of simulations as they are read: noise, masks, whatever users write.

mod simulation;

use std::ops::Range;

use imnn_sim::{Key, Real};

pub use self::simulation::Simulation;
use crate::values::{all_finite, check_finite};
use crate::{DataError, DatasetSpec, Derivatives, Identity, Microbatch, Source};
use imnn_io::text::unravel;

/// A random change of a simulation and of what belongs to it, drawn anew for each key.
///
/// It is given one simulation at a time and changes it in place, and with it what it is compared with: the simulations of
/// the same seed below and above the fiducial, or the exact derivatives. All of them have to see the same draw, and do so
/// where everything random is drawn once, from the key. Below and above are data and change as the simulation does. An
/// exact derivative changes by the derivative of the transform: not at all where something is added, by the same factors
/// where the data are multiplied.
///
/// ```
/// use imnn_data::{Arrays, DataError, Microbatch, Simulation, Source, Transform, Transformed};
/// use imnn_sim::{Key, Real};
/// use ndarray::{ArrayD, IxDyn};
///
/// /// A detector of which the gain scatters, and to whose data noise is added.
/// struct Detector {
///     gain: f64,
///     noise: f64,
/// }
///
/// impl<E: Real> Transform<E> for Detector {
///     fn apply(&self, key: Key, simulation: &mut Simulation<'_, E>) -> Result<(), DataError> {
///         let mut draws = vec![0.0; 1 + simulation.values.len()];
///         key.fill_normal(&mut draws);
///         for block in simulation.blocks() {
///             block.iter_mut().for_each(|x| *x = *x * E::of(1.0 + self.gain * draws[0]));
///         }
///         for data in simulation.data() {
///             data.iter_mut().zip(&draws[1..]).for_each(|(x, z)| *x = *x + E::of(self.noise * z));
///         }
///         Ok(())
///     }
/// }
///
/// let fiducial = ArrayD::<f32>::zeros(IxDyn(&[100, 8]));
/// let derivative = ArrayD::zeros(IxDyn(&[50, 8, 2]));
/// let source = Transformed::new(Arrays::exact(fiducial, derivative)?, Detector { gain: 0.1, noise: 1.0 })?;
/// let mut batch = Microbatch::new();
/// source.read(0..32, Key::new(0), &mut batch)?;
/// assert!(batch.values.iter().all(|&x| x != 0.0));
/// # Ok::<(), DataError>(())
/// ```
///
/// Functions are transforms too:
///
/// ```
/// use imnn_data::{Arrays, Simulation, Transformed};
/// use imnn_sim::{Key, rand::Rng};
/// # use ndarray::{ArrayD, IxDyn};
/// # let arrays = Arrays::data(ArrayD::<f32>::zeros(IxDyn(&[100, 8])), "x")?;
///
/// // Loses one value, the same in all that belongs together.
/// let source = Transformed::new(arrays, |key: Key, simulation: &mut Simulation<'_, f32>| {
///     let lost = (key.rng().next_u64() % simulation.values.len() as u64) as usize;
///     simulation.blocks().for_each(|block| block[lost] = 0.0);
/// })?;
/// # Ok::<(), imnn_data::DataError>(())
/// ```
///
/// # Contract
/// The result depends on the key and the simulation only, not on earlier calls nor on the calling thread.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a transform of `{E}` simulations",
    label = "not a `Transform<{E}>`",
    note = "a function `|key: Key, simulation: &mut Simulation<'_, {E}>| ...` is one, and so is `Noise`; implement `apply` \
            for a type of your own"
)]
pub trait Transform<E: Real>: Send + Sync {
    /// What messages call it: the name of the type by default.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }

    /// Refuses simulations of a shape that it does not fit; asked once, when a source is made of it. Any by default.
    ///
    /// # Errors
    /// Whatever does not fit.
    fn check(&self, input_shape: &[usize]) -> Result<(), DataError> {
        let _ = input_shape;
        Ok(())
    }

    /// Changes a simulation and what belongs to it, with the randomness of `key`.
    ///
    /// Values that are not finite need no check here: [`Transformed`] refuses them by row.
    ///
    /// # Errors
    /// What it can fail with, such as reading a file; [`DataError::other`] takes any error.
    fn apply(&self, key: Key, simulation: &mut Simulation<'_, E>) -> Result<(), DataError>;
}

impl<E: Real, F: Fn(Key, &mut Simulation<'_, E>) + Send + Sync> Transform<E> for F {
    fn apply(&self, key: Key, simulation: &mut Simulation<'_, E>) -> Result<(), DataError> {
        self(key, simulation);
        Ok(())
    }
}

/// A source whose simulations are each changed by a random [`Transform`] when they are read.
///
/// Each row and key has its own draw, independent of the random numbers of the simulations and of other transforms below
/// or above this one. Training has another key in each iteration, so that its draws are new each time; validation and
/// final statistics have a key that stays, so that their draws stay too and what is measured changes with the weights
/// alone.
#[derive(Clone, Debug)]
pub struct Transformed<Src, T> {
    source: Src,
    transform: T,
    identity: Identity,
}

impl<Src, T> Transformed<Src, T> {
    /// Changes the simulations of `source`.
    ///
    /// # Errors
    /// If the transform does not fit the shape of the simulations.
    pub fn new<E: Real>(source: Src, transform: T) -> Result<Self, DataError>
    where
        Src: Source<E>,
        T: Transform<E>,
    {
        transform.check(source.input_shape())?;
        Ok(Self { source, transform, identity: Identity::keyed() })
    }

    /// The source without the transform.
    pub fn source(&self) -> &Src {
        &self.source
    }

    /// The transform.
    pub fn transform(&self) -> &T {
        &self.transform
    }
}

impl<E: Real, Src: Source<E>, T: Transform<E>> Source<E> for Transformed<Src, T> {
    fn spec(&self) -> &DatasetSpec {
        self.source.spec()
    }

    fn n_transforms(&self) -> u64 {
        self.source.n_transforms() + 1
    }

    fn simulates_anew(&self) -> bool {
        self.source.simulates_anew()
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        self.source.read(rows.clone(), key, batch)?;
        let domain = Domain { name: *b"transfor", checked: Some(self.transform.name()) };
        change_each(&self.source, domain, rows, key, batch, |key, simulation| self.transform.apply(key, simulation))
    }
}

/// Which draws those of a transform are.
pub(crate) struct Domain<'a> {
    pub(crate) name: [u8; 8],
    /// What messages call the transform, where its results need a check.
    pub(crate) checked: Option<&'a str>,
}

/// Changes each of the rows that were read from `source`, with a key of its own: apart from that of the simulation, which is
/// `key.fold_in(row)`, and from those of transforms in another domain or at another depth.
pub(crate) fn change_each<E: Real>(
    source: &impl Source<E>,
    domain: Domain<'_>,
    rows: Range<usize>,
    key: Key,
    batch: &mut Microbatch<E>,
    mut change: impl FnMut(Key, &mut Simulation<'_, E>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let shape = source.input_shape();
    let row_len: usize = shape.iter().product();
    let per_row = batch.derivatives.len() / batch.n.max(1);
    let exact = matches!(source.derivatives(), Derivatives::Exact);
    // No source has as many rows as the number that eight letters make.
    let own = key.fold_in(u64::from_be_bytes(domain.name).wrapping_add(source.n_transforms()));
    for (i, key) in own.fold_in_each(rows.start as u64..rows.end as u64).enumerate() {
        let values = &mut batch.values[i * row_len..(i + 1) * row_len];
        let changes = &mut batch.derivatives[i * per_row..(i + 1) * per_row];
        let (derivatives, partners) = changes.split_at_mut(if exact { per_row } else { 0 });
        let mut simulation = Simulation { row: rows.start + i, shape, values, derivatives, partners };
        // A transform that puts other slices in the place of these changes nothing, and escapes no check.
        let Simulation { values, derivatives, partners, .. } = &mut simulation;
        change(key, &mut Simulation { row: rows.start + i, shape, values, derivatives, partners })?;
        if let Some(name) = domain.checked {
            check_simulation(name, &simulation)?;
        }
    }
    Ok(())
}

/// Refuses what a transform made of a simulation where it is not finite.
fn check_simulation<E: Real>(transform: &str, simulation: &Simulation<'_, E>) -> Result<(), DataError> {
    let Simulation { row, shape, values, derivatives, partners } = simulation;
    if [&**values, &**derivatives, &**partners].into_iter().all(all_finite) {
        return Ok(());
    }
    let len = values.len();
    let n_params = partners.len() / (2 * len);
    let derivatives = derivatives
        .chunks_exact(len)
        .enumerate()
        .map(|(a, block)| (format!("the derivative with respect to parameter {a}"), block));
    let partners = partners.chunks_exact(len).enumerate().map(|(k, block)| {
        let side = if k < n_params { "below" } else { "above" };
        (format!("the data with parameter {} {side}", k % n_params), block)
    });
    let data = std::iter::once(("the data".to_owned(), &**values));
    for (what, block) in data.chain(derivatives).chain(partners) {
        let place = |first| format!("simulation {row} after {transform}: {what} at {:?}", unravel(first, shape, false));
        check_finite(block, place, |_| format!(" in {}", E::NAME))?;
    }
    Ok(())
}
