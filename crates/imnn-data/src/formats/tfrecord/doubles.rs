//! Whether numbers in single precision are the halves of numbers in double precision.

/// As few halves say nothing.
const LEAST: usize = 16;

/// Whether values, in pairs, can only be the two halves of numbers in double precision, little endian.
///
/// The first half of such a number are its last binary places: read as a number, it is huge as often as tiny. The second
/// half has its sign and exponent, and is of order one, whatever the number is.
pub(super) fn are_doubles(values: &[f32]) -> bool {
    let pairs = values.as_chunks::<2>().0;
    let low: Vec<f64> = pairs.iter().map(|[low, _]| f64::from(low.abs())).filter(|low| *low != 0.0).collect();
    let share = |fits: fn(f64) -> bool| low.iter().filter(|low| fits(**low)).count() as f64 / low.len() as f64;
    let ordinary = |[_, high]: &&[f32; 2]| *high == 0.0 || (1e-5..1e5).contains(&high.abs());
    // Zeros apart: numbers of few binary places have no others.
    2 * low.len() >= pairs.len()
        && low.len() >= LEAST
        && share(|low| low > 1e10 || low.is_nan()) > 0.15
        && share(|low| low < 1e-10) > 0.15
        && pairs.iter().filter(ordinary).count() * 20 >= pairs.len() * 19
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(values: impl Iterator<Item = f64>) -> Vec<f32> {
        let halves = |value: f64| {
            let bits = value.to_bits();
            [f32::from_bits(bits as u32), f32::from_bits((bits >> 32) as u32)]
        };
        values.flat_map(halves).collect()
    }

    /// Numbers without a pattern, about 1.
    fn numbers() -> impl Iterator<Item = f64> {
        (1..200).map(|k| (f64::from(k) * 0.754_877_666).fract() - 0.5)
    }

    #[test]
    fn halves_are_told_from_numbers() {
        for scale in [1e-20, 1e-3, 1.0, 1e6, 1e20] {
            assert!(are_doubles(&halves(numbers().map(|x| x * scale))), "{scale}");
            // As simulations in single precision that were converted.
            assert!(are_doubles(&halves(numbers().map(|x| f64::from((x * scale) as f32)))), "{scale}");
            let single: Vec<f32> = numbers().map(|x| (x * scale) as f32).collect();
            assert!(!are_doubles(&single), "{scale}");
        }
        // Two quantities by turns, masses and velocities; zeros; too few.
        let turns: Vec<f32> = numbers().flat_map(|x| [(10f64.powf(12.0 + 8.0 * x)) as f32, x as f32]).collect();
        assert!(!are_doubles(&turns));
        assert!(!are_doubles(&[0.0; 100]) && !are_doubles(&halves((0..100).map(f64::from))));
        assert!(!are_doubles(&halves(numbers().take(10))) && !are_doubles(&[]));
    }
}
