//! Lines of equal density.

use std::collections::HashMap;

use super::Density2;

/// The closed lines that bound where a density is above a level; at the edges of its grid they run along these.
///
/// Inside and outside are told by counting lines (the even-odd rule): a hole is a line too.
pub fn contours(density: &Density2, level: f64) -> Vec<Vec<(f64, f64)>> {
    let (n, m) = density.density.dim();
    // A frame of nothing about the grid closes all lines.
    let value = |k: usize, l: usize| match (k.checked_sub(1), l.checked_sub(1)) {
        (Some(k), Some(l)) if k < n && l < m => density.density[[k, l]],
        _ => f64::NEG_INFINITY,
    };
    let axis = |axis: &ndarray::Array1<f64>, k: usize| axis[k.saturating_sub(1).min(axis.len() - 1)];
    let corner = |k: usize, l: usize| (axis(&density.x, k), axis(&density.y, l));
    // Where a line crosses the edge between two corners, of which one is above.
    let crossing = |a: (usize, usize), b: (usize, usize)| {
        let (va, vb) = (value(a.0, a.1), value(b.0, b.1));
        let (high, low, from, to) = if va > vb { (va, vb, a, b) } else { (vb, va, b, a) };
        let part = if low == f64::NEG_INFINITY { 0.0 } else { (high - level) / (high - low) };
        let (p, q) = (corner(from.0, from.1), corner(to.0, to.1));
        (p.0 + part * (q.0 - p.0), p.1 + part * (q.1 - p.1))
    };
    type Edge = ((usize, usize), (usize, usize));
    let mut next: HashMap<Edge, Vec<Edge>> = HashMap::new();
    let mut order: Vec<Edge> = Vec::new();
    for k in 0..=n {
        for l in 0..=m {
            let corners = [(k, l), (k + 1, l), (k + 1, l + 1), (k, l + 1)];
            let above = corners.map(|(k, l)| value(k, l) >= level);
            // Edges in the sense of rotation; a line enters where it goes from below to above.
            let edge = |e: usize| -> Edge {
                let (a, b) = (corners[e], corners[(e + 1) % 4]);
                if a < b { (a, b) } else { (b, a) }
            };
            let enters: Vec<usize> = (0..4).filter(|&e| !above[e] && above[(e + 1) % 4]).collect();
            let leaves: Vec<usize> = (0..4).filter(|&e| above[e] && !above[(e + 1) % 4]).collect();
            // With two lines through a cell, its middle says which corners are joined.
            let joined = enters.len() == 2 && corners.iter().map(|&(k, l)| value(k, l)).sum::<f64>() >= 4.0 * level;
            for &enter in &enters {
                let after = |from: usize, way: usize| (1..4).map(|s| (from + s * way) % 4).find(|e| leaves.contains(e));
                let leave = if joined { after(enter, 3) } else { after(enter, 1) };
                if let Some(leave) = leave {
                    next.entry(edge(enter)).or_default().push(edge(leave));
                    order.push(edge(enter));
                }
            }
        }
    }
    let mut lines = Vec::new();
    // In the order of the grid, so that the lines are the same each time.
    for start in order {
        let mut line = Vec::new();
        let mut at = start;
        while let Some(to) = next.get_mut(&at).and_then(Vec::pop) {
            line.push(crossing(at.0, at.1));
            at = to;
        }
        if line.len() > 2 {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2};

    fn grid(f: impl Fn(f64, f64) -> f64) -> Density2 {
        let axis: Array1<f64> = (0..101).map(|k| -2.0 + 0.04 * f64::from(k)).collect();
        let density = Array2::from_shape_fn((101, 101), |(k, l)| f(axis[k], axis[l]));
        Density2 { x: axis.clone(), y: axis, density }
    }

    fn area(line: &[(f64, f64)]) -> f64 {
        let twice = |k: usize| {
            let (a, b) = (line[k], line[(k + 1) % line.len()]);
            a.0 * b.1 - b.0 * a.1
        };
        0.5 * (0..line.len()).map(twice).sum::<f64>()
    }

    #[test]
    fn a_circle_is_one_line_of_its_area() {
        let lines = contours(&grid(|x, y| 4.0 - x * x - y * y), 3.0);
        assert_eq!(lines.len(), 1);
        assert!((area(&lines[0]).abs() - std::f64::consts::PI).abs() < 0.01, "{}", area(&lines[0]));
    }

    #[test]
    fn a_ring_has_a_hole_and_two_hills_have_two_lines() {
        let ring = contours(&grid(|x, y| -((x * x + y * y).sqrt() - 1.0).abs()), -0.3);
        assert_eq!(ring.len(), 2);
        let sum: f64 = ring.iter().map(|line| area(line)).sum();
        assert!((sum.abs() - std::f64::consts::PI * (1.69 - 0.49)).abs() < 0.03, "{sum}");
        let hills = contours(&grid(|x, y| (-20.0 * ((x.abs() - 1.0).powi(2) + y * y)).exp()), 0.5);
        assert_eq!(hills.len(), 2);
    }

    #[test]
    fn lines_are_closed_along_the_edges() {
        let half = contours(&grid(|x, _| x), 0.0);
        assert_eq!(half.len(), 1);
        assert!((area(&half[0]).abs() - 8.0).abs() < 1e-9);
        assert!(contours(&grid(|_, _| 1.0), 2.0).is_empty());
        assert!((area(&contours(&grid(|_, _| 1.0), 0.5)[0]).abs() - 16.0).abs() < 1e-9);
    }

    #[test]
    fn saddles_close_too() {
        let lines = contours(&grid(|x, y| x * y), 0.0);
        let sum: f64 = lines.iter().map(|line| area(line).abs()).sum();
        assert!((sum - 8.0).abs() < 0.2, "{sum} {}", lines.len());
    }
}
