//! Faults that people make, put into good data.

use imnn_sim::Key;
use ndarray::{ArrayD, ArrayViewMutD, Axis, stack};

use super::problems::FIDUCIAL;
use super::sets::{Bytes, Set, Size};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Axes,
    SameSides,
    Order,
    OtherSeeds,
    SomeOtherSeeds,
    NoiseOfParameter,
    UnsharedNoise,
    Validation,
    SeedsTwice,
    SeedIgnored,
    Constant,
    NotFinite,
    DoubleAsSingle,
    SingleAsDouble,
    ByteOrder,
    Beyond,
    Tiny,
    OneSideScaled,
}

pub const FAULTS: [Fault; 18] = [
    Fault::Axes,
    Fault::SameSides,
    Fault::Order,
    Fault::OtherSeeds,
    Fault::SomeOtherSeeds,
    Fault::NoiseOfParameter,
    Fault::UnsharedNoise,
    Fault::Validation,
    Fault::SeedsTwice,
    Fault::SeedIgnored,
    Fault::Constant,
    Fault::NotFinite,
    Fault::DoubleAsSingle,
    Fault::SingleAsDouble,
    Fault::ByteOrder,
    Fault::Beyond,
    Fault::Tiny,
    Fault::OneSideScaled,
];

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Self::Axes => "axes of below/above and parameters exchanged",
            Self::SameSides => "above is a copy of below, one parameter",
            Self::Order => "derivatives in another order",
            Self::OtherSeeds => "other seeds above",
            Self::SomeOtherSeeds => "other seeds above in 5 rows",
            Self::NoiseOfParameter => "noise depends on the parameter",
            Self::UnsharedNoise => "some noise is drawn anew at each parameter",
            Self::Validation => "a tenth of validation is in training",
            Self::SeedsTwice => "two seeds have the same noise",
            Self::SeedIgnored => "noise is of no seed",
            Self::Constant => "all seeds have the same noise",
            Self::NotFinite => "one value is NaN",
            Self::DoubleAsSingle => "float64 bytes read as float32",
            Self::SingleAsDouble => "float32 bytes read as float64",
            Self::ByteOrder => "bytes in the other order",
            Self::Beyond => "units beyond float32 (1e40)",
            Self::Tiny => "units of 1e-25",
            Self::OneSideScaled => "above in other units (x 100)",
        }
    }

    /// Whether a set can have it.
    pub fn applies(self, set: &Set) -> bool {
        set.widths.is_some() && (self != Self::Validation || set.validation.is_some())
    }

    /// Puts it into a set of numerical derivatives; `key` draws what there is to draw.
    pub fn inject(self, set: &mut Set, size: Size, key: Key) {
        let seeds =
            |base: u64, n: usize| -> Vec<u64> { (0..n as u64).map(|i| key.fold_in(base + i).rng_seed()).collect() };
        let (n_s, n_d, half) = (set.fiducial.shape()[0], set.derivative.shape()[0], size.width / 2.0);
        let problem = set.problem;
        let row = |array: &ArrayD<f64>, i: usize| array.index_axis(Axis(0), i).to_owned();
        match self {
            Self::Axes => {
                set.derivative.swap_axes(1, 2);
                set.derivative = set.derivative.as_standard_layout().to_owned();
            }
            Self::SameSides => {
                let below = set.derivative.index_axis(Axis(1), 0).index_axis(Axis(1), 1).to_owned();
                set.derivative.index_axis_mut(Axis(1), 1).index_axis_mut(Axis(1), 1).assign(&below);
            }
            Self::Order => {
                let all = set.derivative.clone();
                (0..n_d).for_each(|i| set.derivative.index_axis_mut(Axis(0), i).assign(&row(&all, (i + 1) % n_d)));
            }
            Self::OtherSeeds => side(set, 1).assign(&Set::side(problem, &seeds(0, n_d), half)),
            Self::SomeOtherSeeds => {
                let other = Set::side(problem, &seeds(0, n_d), half);
                for i in (0..n_d).step_by((n_d / 5).max(1)).take(5) {
                    side(set, 1).index_axis_mut(Axis(0), i).assign(&row(&other, i));
                }
            }
            Self::NoiseOfParameter | Self::SeedIgnored => {
                for (k, distance) in [-half, half].into_iter().enumerate() {
                    // Each parameter has seeds of its own.
                    let of = |a: usize| {
                        let mut theta = FIDUCIAL;
                        theta[a] += distance;
                        problem.rows(&seeds(10_000 * (1 + 2 * k as u64 + a as u64), n_d), theta)
                    };
                    side(set, k).assign(&stack(Axis(1), &[of(0).view(), of(1).view()]).expect("shapes fit"));
                }
                if self == Self::SeedIgnored {
                    set.fiducial = problem.rows(&seeds(90_000, n_s), FIDUCIAL);
                }
            }
            Self::UnsharedNoise => {
                let scatter = 0.5 * set.fiducial.std(0.0);
                for (k, array) in [&mut set.fiducial, &mut set.derivative].into_iter().enumerate() {
                    let mut noise = vec![0.0; array.len()];
                    key.fold_in(k as u64).fill_normal(&mut noise);
                    array.iter_mut().zip(noise).for_each(|(x, noise)| *x += scatter * noise);
                }
            }
            Self::Validation => {
                if let Some((fiducial, _)) = &mut set.validation {
                    let n = fiducial.shape()[0];
                    for i in 0..n.div_ceil(10) {
                        fiducial.index_axis_mut(Axis(0), i).assign(&row(&set.fiducial, (7 * i) % n_s));
                    }
                }
            }
            Self::SeedsTwice => {
                for array in [&mut set.fiducial, &mut set.derivative] {
                    let all = array.clone();
                    (0..all.shape()[0]).for_each(|i| array.index_axis_mut(Axis(0), i).assign(&row(&all, i - i % 2)));
                }
            }
            Self::Constant => {
                for array in [&mut set.fiducial, &mut set.derivative] {
                    let first = row(array, 0);
                    array.outer_iter_mut().for_each(|mut to| to.assign(&first));
                }
            }
            Self::NotFinite => {
                let at = (key.rng_seed() as usize) % set.fiducial.len();
                if let Some(value) = set.fiducial.iter_mut().nth(at) {
                    *value = f64::NAN;
                }
            }
            Self::DoubleAsSingle => set.bytes = Some(Bytes::SingleFromDouble),
            Self::SingleAsDouble => set.bytes = Some(Bytes::DoubleFromSingle),
            Self::ByteOrder => set.bytes = Some(Bytes::Order),
            Self::Beyond => scale(set, 1e40),
            Self::Tiny => scale(set, 1e-25),
            Self::OneSideScaled => side(set, 1).mapv_inplace(|x| 100.0 * x),
        }
    }
}

fn side(set: &mut Set, k: usize) -> ArrayViewMutD<'_, f64> {
    set.derivative.index_axis_mut(Axis(1), k)
}

fn scale(set: &mut Set, by: f64) {
    set.fiducial.mapv_inplace(|x| by * x);
    set.derivative.mapv_inplace(|x| by * x);
    set.single = false;
}

/// A number that a key stands for.
trait Seed {
    fn rng_seed(self) -> u64;
}

impl Seed for Key {
    fn rng_seed(self) -> u64 {
        use rand::Rng;
        // Far from the consecutive seeds of good data.
        self.rng().next_u64() | 1 << 62
    }
}
