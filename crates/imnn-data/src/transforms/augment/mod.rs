//! Symmetry augmentation: each simulation seen through a random symmetry of its grid.

mod augmentation;
mod symmetry;

use std::cell::Cell;
use std::ops::Range;

use imnn_sim::{Key, Real};

pub use self::augmentation::Augmentation;
pub(crate) use self::symmetry::{Draw, Symmetries, below};
use crate::scratch::{NUMBERS, first, lend};
use crate::transforms::transform::{Domain, change_each};
use crate::{DataError, DatasetSpec, Identity, Microbatch, Source};

/// A source whose simulations are each seen through a random symmetry of their grid.
///
/// For fields whose statistics do not change under the symmetries, it makes many training simulations of one. A
/// simulation and its derivatives, or its partners below and above the fiducial, are seen through the same symmetry.
/// Every symmetry is as likely as any other; each row and key has its own draw, which is independent of the random
/// numbers of the simulations.
///
/// The spatial axes are all but the last, which are channels; data of one axis have that one.
///
/// ```
/// use imnn_data::{Arrays, Augmentation, Augmented, Microbatch, Source};
/// use imnn_sim::Key;
/// use ndarray::{ArrayD, IxDyn};
///
/// let fiducial = ArrayD::<f32>::zeros(IxDyn(&[100, 8, 8, 1]));
/// let derivative = ArrayD::zeros(IxDyn(&[50, 8, 8, 1, 2]));
/// let source = Augmented::new(Arrays::exact(fiducial, derivative)?, Augmentation::all())?;
/// source.read(0..32, Key::new(0), &mut Microbatch::new())?;
/// # Ok::<(), imnn_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Augmented<Src> {
    source: Src,
    symmetries: Symmetries,
    /// Where they are of all spatial axes.
    spatial: Option<Augmentation>,
    identity: Identity,
}

impl<Src> Augmented<Src> {
    /// Augments over the spatial axes: all but the last, or the only one.
    ///
    /// # Errors
    /// If transposes are asked for and the spatial axes are fewer than two or differ in length.
    pub fn new<E: Real>(source: Src, augmentation: Augmentation) -> Result<Self, DataError>
    where
        Src: Source<E>,
    {
        let symmetries = Symmetries::spatial(source.input_shape(), augmentation)?;
        Ok(Self { source, symmetries, spatial: Some(augmentation), identity: Identity::keyed() })
    }

    /// Augments over the axes given, in place of the spatial ones.
    ///
    /// # Errors
    /// If an axis is not there or is given twice, or as for [`new`](Self::new).
    pub fn with_axes<E: Real>(source: Src, augmentation: Augmentation, axes: &[usize]) -> Result<Self, DataError>
    where
        Src: Source<E>,
    {
        let symmetries = Symmetries::new(source.input_shape(), axes, augmentation)?;
        Ok(Self { source, symmetries, spatial: None, identity: Identity::keyed() })
    }

    /// The source without augmentation.
    pub fn source(&self) -> &Src {
        &self.source
    }
}

impl<E: Real, Src: Source<E>> Source<E> for Augmented<Src> {
    fn spec(&self) -> &DatasetSpec {
        self.source.spec()
    }

    fn n_transforms(&self) -> u64 {
        self.source.n_transforms() + 1
    }

    fn simulates_anew(&self) -> bool {
        self.source.simulates_anew()
    }

    fn augmentation(&self) -> Option<Augmentation> {
        self.spatial
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        self.source.read(rows.clone(), key, batch)?;
        lend(&DRAW, |draw| {
            lend(&NUMBERS, |numbers| {
                let plain = first(numbers, self.symmetries.len());
                let domain = Domain { name: *b"symmetry", checked: None };
                change_each(&self.source, domain, rows, key, batch, |key, simulation| {
                    let from = self.symmetries.draw(key, draw);
                    for block in simulation.blocks() {
                        // To f64 and back is exact, and the one buffer serves both precisions.
                        for (plain, value) in plain.iter_mut().zip(&*block) {
                            *plain = value.f64();
                        }
                        for (to, &from) in block.iter_mut().zip(from) {
                            *to = E::of(plain[from]);
                        }
                    }
                    Ok(())
                })
            })
        })
    }
}

thread_local! {
    /// The symmetry drawn last.
    pub(crate) static DRAW: Cell<Draw> = Cell::default();
}
