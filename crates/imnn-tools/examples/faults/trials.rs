//! How many faults are found, and how often sound data are doubted.

use imnn_sim::Key;
use imnn_tools::check::Severity;
use ndarray::{Axis, Slice};
use rand::Rng;

use super::inject::{FAULTS, Fault};
use super::problems::{MORE, PROBLEMS, Problem};
use super::sets::{Set, Size};

/// How often a fault was put in, said at all, and said to be an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub all: usize,
    pub said: usize,
    pub refused: usize,
}

impl Counts {
    fn add(&mut self, worst: Severity) {
        self.all += 1;
        self.said += usize::from(worst >= Severity::Warning);
        self.refused += usize::from(worst == Severity::Error);
    }
}

fn below(rng: &mut impl Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// A sound set of numbers and sizes that a key draws.
pub fn sound(problem: Problem, key: Key, may_be_exact: bool) -> (Set, Size) {
    let mut rng = key.rng();
    let n_s = [60, 100, 200, 400][below(&mut rng, 4)];
    let n_d = [n_s, n_s / 2, 40, 16][below(&mut rng, 4)];
    let whole = [Problem::Counts, Problem::Sparse, Problem::Clipped].contains(&problem);
    let exact = may_be_exact && !whole && below(&mut rng, 4) == 0;
    let size = Size { n_s, n_d, width: [0.1, 0.2, 0.5][below(&mut rng, 3)], exact };
    let first_seed = rng.next_u64() >> 8;
    let mut set = Set::new(problem, first_seed, size);
    set.single = below(&mut rng, 2) == 0;
    if below(&mut rng, 2) == 0 {
        let (n_s, n_d) = (n_s / 2, (n_s / 2).min(n_d));
        set = set.validated(first_seed + 10_000, Size { n_s, n_d, ..size });
    }
    // Other units, and another zero.
    if !whole && below(&mut rng, 2) == 0 {
        let (by, zero) = ([1e-6, 1e-2, 1e3, 1e8][below(&mut rng, 4)], [0.0, 0.0, 30.0][below(&mut rng, 3)]);
        let zero_of_change = if exact { 0.0 } else { zero };
        let change = |array: &mut ndarray::ArrayD<f64>, zero: f64| array.mapv_inplace(|x| by * (x + zero));
        change(&mut set.fiducial, zero);
        change(&mut set.derivative, zero_of_change);
        if let Some((fiducial, derivative)) = &mut set.validation {
            change(fiducial, zero);
            change(derivative, zero_of_change);
        }
    }
    // What is not observed is 0 in all of them.
    if below(&mut rng, 5) == 0 {
        mask(&mut set, size.exact);
    }
    (set, size)
}

/// Sets a few values of all simulations to 0.
fn mask(set: &mut Set, exact: bool) {
    let of_validation =
        set.validation.iter_mut().flat_map(|(fiducial, derivative)| [(fiducial, false), (derivative, true)]);
    let all = [(&mut set.fiducial, false), (&mut set.derivative, true)].into_iter().chain(of_validation);
    let axes = set.problem.shape().len();
    for (array, is_derivative) in all {
        // The first axis of a simulation, of derivatives behind the others or before the parameters.
        let axis = if is_derivative && exact { 1 } else { array.ndim() - axes };
        array.slice_axis_mut(Axis(axis), Slice::from(..1)).fill(0.0);
    }
}

/// Sound sets: how many were doubted, with what was said.
pub fn false_alarms(n: usize, key: Key) -> (Counts, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut counts, mut said) = (Counts::default(), vec![]);
    let kinds: Vec<&Problem> = PROBLEMS.iter().chain(&MORE).collect();
    for k in 0..n {
        let problem = *kinds[k % kinds.len()];
        let (set, size) = sound(problem, key.fold_in(k as u64), true);
        let (worst, findings) = set.checked(folder.path());
        counts.add(worst);
        said.extend(findings.into_iter().map(|finding| format!("{} {size:?}: {finding}", set.problem.name())));
    }
    (counts, said)
}

/// A fault in one problem, in so many sets.
pub fn injected(faults: &[Fault], problem: Problem, n: usize, key: Key) -> Counts {
    let folder = tempfile::tempdir().expect("a folder");
    let mut counts = Counts::default();
    for k in 0..n as u64 {
        let [of_set, of_fault] = key.fold_in(k).split();
        let fits = |(set, _): &(Set, Size)| !faults.contains(&Fault::Validation) || set.validation.is_some();
        let mut sets = (0..).map(|k| sound(problem, of_set.fold_in(k), false)).filter(fits);
        let Some((mut set, size)) = sets.next() else { continue };
        for (f, fault) in faults.iter().enumerate() {
            if fault.applies(&set) {
                fault.inject(&mut set, size, of_fault.fold_in(f as u64));
            }
        }
        counts.add(set.checked(folder.path()).0);
    }
    counts
}

/// Two faults that a key draws.
pub fn two(key: Key) -> [Fault; 2] {
    let mut rng = key.rng();
    let first = below(&mut rng, FAULTS.len());
    let second = (first + 1 + below(&mut rng, FAULTS.len() - 1)) % FAULTS.len();
    [FAULTS[first], FAULTS[second]]
}
