//! Long curves cut down to what a plot can show.

/// The plottable points of a curve, in unbroken pieces of `(index, value)`.
///
/// Values that `keep` refuses are left out and break the curve. A curve of more than two points per column is reduced to
/// the first, least, greatest and last point of each of `columns` equal ranges of indices, so that its outline stays
/// what it is at that resolution; there, a break shows only where a whole column has no value.
pub(crate) fn pieces(values: &[f64], columns: usize, keep: impl Fn(f64) -> bool) -> Vec<Vec<(usize, f64)>> {
    let n = values.len();
    let columns = columns.max(1);
    let mut pieces = Vec::new();
    let mut piece: Vec<(usize, f64)> = Vec::new();
    // A short curve has a column for each of its values.
    let columns = if n <= 2 * columns { n } else { columns };
    for column in 0..columns {
        let range = column * n / columns..(column + 1) * n / columns;
        let outline = outline(range.map(|i| (i, values[i])).filter(|&(_, value)| keep(value)));
        if !outline.is_empty() {
            piece.extend(outline);
        } else if !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// First, least, greatest and last of some points, in the order of their indices.
fn outline(mut points: impl Iterator<Item = (usize, f64)>) -> Vec<(usize, f64)> {
    let Some(first) = points.next() else { return Vec::new() };
    let (mut least, mut greatest, mut last) = (first, first, first);
    for point in points {
        if point.1 < least.1 {
            least = point;
        }
        if point.1 > greatest.1 {
            greatest = point;
        }
        last = point;
    }
    let mut outline = vec![first, least, greatest, last];
    outline.sort_by_key(|point| point.0);
    outline.dedup_by_key(|point| point.0);
    outline
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_curves_stay_whole_and_break_at_gaps() {
        let values = [1.0, f64::NAN, 2.0, 3.0, f64::INFINITY];
        assert_eq!(pieces(&values, 100, f64::is_finite), [vec![(0, 1.0)], vec![(2, 2.0), (3, 3.0)]]);
        assert!(pieces(&[], 100, f64::is_finite).is_empty());
        assert!(pieces(&[f64::NAN; 4], 0, f64::is_finite).is_empty());
    }

    #[test]
    fn long_gaps_break_long_curves() {
        let values: Vec<f64> =
            (0..10_000).map(|i| if (4000..6000).contains(&i) { f64::NAN } else { f64::from(i) }).collect();
        let pieces = pieces(&values, 50, f64::is_finite);
        assert_eq!(pieces.len(), 2);
        assert_eq!((pieces[0].last(), pieces[1].first()), (Some(&(3999, 3999.0)), Some(&(6000, 6000.0))));
    }

    proptest! {
        #[test]
        fn the_outline_is_kept(
            values in prop::collection::vec(prop_oneof![9 => -1e6f64..1e6, 1 => Just(f64::NAN)], 1..2000),
            columns in 1usize..60,
        ) {
            let points = pieces(&values, columns, f64::is_finite).concat();
            let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
            prop_assert!(points.len() <= (4 * columns).max(2 * columns));
            prop_assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0), "indices rise");
            prop_assert!(points.iter().all(|&(i, v)| values[i] == v), "points are those of the curve");
            // Every column of the plot keeps its least and greatest value.
            if values.len() > 2 * columns {
                for column in 0..columns {
                    let range = column * values.len() / columns..(column + 1) * values.len() / columns;
                    let inside = |i: &usize| range.contains(i);
                    let mut all: Vec<f64> = range.clone().map(|i| values[i]).filter(|v| v.is_finite()).collect();
                    let mut kept: Vec<f64> = points.iter().filter(|(i, _)| inside(i)).map(|p| p.1).collect();
                    all.sort_by(f64::total_cmp);
                    kept.sort_by(f64::total_cmp);
                    prop_assert_eq!((all.first(), all.last()), (kept.first(), kept.last()));
                }
            } else {
                prop_assert_eq!(points.len(), finite.len());
            }
        }
    }
}
