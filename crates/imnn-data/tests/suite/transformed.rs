//! Transforms of the user's own: the same draw for all that belongs together, a draw for each row and key.

use imnn_data::{
    Arrays, Augmentation, Augmented, DataError, Microbatch, OnTheFly, Simulation, Source, Transform, Transformed,
};
use imnn_sim::{GaussianMeanVariance, Key, Real};
use ndarray::{ArrayD, IxDyn};

/// Multiplies by a random factor and adds a random number.
struct Gain;

impl<E: Real> Transform<E> for Gain {
    fn name(&self) -> &str {
        "gain"
    }

    fn check(&self, input_shape: &[usize]) -> Result<(), DataError> {
        if input_shape.len() == 3 { Err(DataError::other("no cubes")) } else { Ok(()) }
    }

    fn apply(&self, key: Key, simulation: &mut Simulation<'_, E>) -> Result<(), DataError> {
        let [gain, shift] = draws(key);
        simulation.blocks().flatten().for_each(|x| *x = *x * E::of(gain));
        simulation.data().flatten().for_each(|x| *x = *x + E::of(shift));
        Ok(())
    }
}

fn draws(key: Key) -> [f64; 2] {
    let mut draws = [0.0; 2];
    key.fill_normal(&mut draws);
    draws
}

fn counting(shape: &[usize]) -> ArrayD<f64> {
    let mut k = 0.0;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        k += 1.0;
        k
    })
}

fn exact() -> Arrays<f64> {
    Arrays::exact(counting(&[9, 4]), counting(&[6, 4, 3])).unwrap()
}

fn numerical() -> Arrays<f64> {
    Arrays::numerical(counting(&[9, 4]), counting(&[6, 2, 3, 4]), vec![0.1; 3]).unwrap()
}

fn read<E: Real>(source: &dyn Source<E>, rows: std::ops::Range<usize>, key: Key) -> Microbatch<E> {
    let mut batch = Microbatch::new();
    source.read(rows, key, &mut batch).unwrap();
    batch
}

/// The key of the draw of a row, of the transform at this depth.
fn own(key: Key, depth: u64, row: u64) -> Key {
    key.fold_in(u64::from_be_bytes(*b"transfor") + depth).fold_in(row)
}

#[test]
fn all_that_belongs_together_sees_the_same_draw() {
    let key = Key::new(4);
    for (plain, is_exact) in [(exact(), true), (numerical(), false)] {
        let behind = read(&plain, 2..6, key);
        let source = Transformed::new(plain, Gain).unwrap();
        assert_eq!((source.n_s(), source.n_d(), source.n_params(), source.input_shape()), (9, 6, 3, &[4][..]));
        assert_eq!(Source::<f64>::derivatives(&source), Source::<f64>::derivatives(source.source()));
        let seen = read(&source, 2..6, key);
        for (i, row) in (2..6).enumerate() {
            let [gain, shift] = draws(own(key, 0, row));
            let changed = |x: &f64, shift: f64| if shift == 0.0 { x * gain } else { x * gain + shift };
            let expected: Vec<f64> = behind.values[4 * i..4 * i + 4].iter().map(|x| changed(x, shift)).collect();
            assert_eq!(seen.values[4 * i..4 * i + 4], expected);
            let (len, shift) = if is_exact { (12, 0.0) } else { (24, shift) };
            let changes = &behind.derivatives[len * i..len * (i + 1)];
            let expected: Vec<f64> = changes.iter().map(|x| changed(x, shift)).collect();
            assert_eq!(seen.derivatives[len * i..len * (i + 1)], expected);
        }
        // Rows without derivatives, and no rows at all.
        assert_eq!(read(&source, 6..9, key).values.len(), 12);
        assert!(read(&source, 6..9, key).derivatives.is_empty());
        assert_eq!(read(&source, 9..9, key).values, [0.0; 0]);
        assert!(source.read(5..7, key, &mut Microbatch::new()).is_err());
    }
}

#[test]
fn draws_belong_to_row_and_key() {
    let source = Transformed::new(exact(), Gain).unwrap();
    let whole = read(&source, 0..6, Key::new(1));
    for row in 0..6 {
        assert_eq!(read(&source, row..row + 1, Key::new(1)).values, whole.values[4 * row..4 * (row + 1)]);
    }
    let other = read(&source, 0..6, Key::new(2));
    assert!(whole.values.iter().zip(&other.values).all(|(a, b)| a != b));
    // Pinned, so that runs stay reproducible from version to version.
    let pinned = [0.32564162248940315, 1.0470855100039582];
    assert_eq!(draws(own(Key::new(0), 0, 5)), pinned);
    assert_eq!(read(&source, 5..6, Key::new(0)).values[1], 22.0 * pinned[0] + pinned[1]);
}

#[test]
fn transforms_of_transforms_have_draws_of_their_own() {
    // The same transform at two depths, behind a symmetry and in front of one.
    let add = |key: Key, simulation: &mut Simulation<'_, f64>| simulation.values[0] += draws(key)[0];
    let zeros = || Arrays::data(ArrayD::<f64>::zeros(IxDyn(&[5, 1])), "zeros").unwrap();
    let once = Transformed::new(zeros(), add).unwrap();
    let twice = Transformed::new(&once, add).unwrap();
    let flipped = Augmented::new(&once, Augmentation { flip: true, ..Augmentation::default() }).unwrap();
    let behind = Transformed::new(&flipped, add).unwrap();
    assert_eq!((zeros().n_transforms(), once.n_transforms(), behind.n_transforms()), (0, 1, 3));
    let key = Key::new(8);
    for row in 0..5 {
        let draw = |depth| draws(own(key, depth, row))[0];
        let at = row as usize;
        assert_eq!(read(&once, at..at + 1, key).values, [draw(0)]);
        assert_eq!(read(&twice, at..at + 1, key).values, [draw(0) + draw(1)]);
        assert_eq!(read(&behind, at..at + 1, key).values, [draw(0) + draw(2)]);
    }
}

#[test]
fn simulations_are_the_same_behind_the_transform() {
    let simulator = GaussianMeanVariance { n_data: 4 };
    let source = OnTheFly::new(simulator, &[0.0, 1.0], 8, 3).unwrap();
    let plain: Microbatch<f32> = read(&source, 3..8, Key::new(5));
    let rows = std::sync::Mutex::new(vec![]);
    let look = |key: Key, simulation: &mut Simulation<'_, f32>| {
        assert_eq!((simulation.shape, simulation.derivatives.len(), simulation.partners.len()), (&[4][..], 0, 0));
        rows.lock().unwrap().push((simulation.row, key));
    };
    assert_eq!(read(&Transformed::new(&source, look).unwrap(), 3..8, Key::new(5)), plain);
    // The draw is that of no simulation.
    let rows = rows.into_inner().unwrap();
    assert_eq!(rows.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    assert!(rows.iter().all(|(row, key)| *key != Key::new(5).fold_in(*row as u64)));
}

#[test]
fn values_that_are_not_finite_are_refused_by_row() {
    let at = |source: &dyn Source<f64>, rows| {
        source.read(rows, Key::new(0), &mut Microbatch::new()).unwrap_err().to_string()
    };
    let named = |place: fn(&mut Simulation<'_, f64>)| {
        struct Spoils(fn(&mut Simulation<'_, f64>));
        impl Transform<f64> for Spoils {
            fn name(&self) -> &str {
                "my transform"
            }

            fn apply(&self, _: Key, simulation: &mut Simulation<'_, f64>) -> Result<(), DataError> {
                if simulation.row == 5 {
                    self.0(simulation);
                }
                Ok(())
            }
        }
        Spoils(place)
    };
    let source = Transformed::new(exact(), named(|simulation| simulation.values[2] = f64::NAN)).unwrap();
    assert_eq!(
        at(&source, 3..6),
        "simulation 5 after my transform: the data at [2] is NaN: 1 of 4 values is not finite in f64"
    );
    assert!(source.read(0..5, Key::new(0), &mut Microbatch::new()).is_ok());
    let source = Transformed::new(exact(), named(|simulation| simulation.derivatives[4..7].fill(f64::INFINITY)));
    assert_eq!(
        at(&source.unwrap(), 3..6),
        "simulation 5 after my transform: the derivative with respect to parameter 1 at [0] is inf: 3 of 4 values are not finite in f64"
    );
    for (k, expected) in [(5, "the data with parameter 1 below at [1]"), (23, "the data with parameter 2 above at [3]")]
    {
        struct Spoils(usize);
        impl Transform<f64> for Spoils {
            fn apply(&self, _: Key, simulation: &mut Simulation<'_, f64>) -> Result<(), DataError> {
                simulation.partners[self.0] = f64::NAN;
                Ok(())
            }
        }
        let message = at(&Transformed::new(numerical(), Spoils(k)).unwrap(), 0..6);
        assert!(message.contains(&format!(": {expected} is NaN")), "{message}");
        // Without a name of its own it has that of its type.
        assert!(message.contains("Spoils: "), "{message}");
    }
    // One that takes the slices away hides nothing.
    let hides = |_: Key, simulation: &mut Simulation<'_, f64>| {
        simulation.derivatives[0] = f64::NAN;
        simulation.values = &mut [];
        simulation.derivatives = &mut [];
    };
    let message = at(&Transformed::new(exact(), hides).unwrap(), 0..6);
    assert!(message.contains(": the derivative with respect to parameter 0 at [0] is NaN"), "{message}");
    let large = |_: Key, simulation: &mut Simulation<'_, f32>| simulation.values[0] *= 1e38;
    let data = Arrays::data(ArrayD::from_elem(IxDyn(&[2, 2, 2]), 10.0), "x").unwrap();
    let message = Transformed::new(data, large).unwrap().read(0..2, Key::new(0), &mut Microbatch::new()).unwrap_err();
    assert!(message.to_string().contains(": the data at [0, 0] is inf: "), "{message}");
}

#[test]
fn errors_of_the_user_pass() {
    let cube = Arrays::data(counting(&[2, 2, 2, 2]), "x").unwrap();
    assert_eq!(Transformed::new(cube, Gain).err().unwrap().to_string(), "no cubes");
    struct Fails;
    impl Transform<f64> for Fails {
        fn apply(&self, _: Key, _: &mut Simulation<'_, f64>) -> Result<(), DataError> {
            Err(DataError::other(std::io::Error::other("the detector is out of order")))
        }
    }
    let source = Transformed::new(exact(), Fails).unwrap();
    let error = source.read(0..1, Key::new(0), &mut Microbatch::new()).unwrap_err();
    assert_eq!(error.to_string(), "the detector is out of order");
}
