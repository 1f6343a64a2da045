//! A frame with two linear axes, and what is drawn inside it.

use crate::axis::Axis;
use crate::font::text_width;
use crate::picture::{Align, Lettering, Picture};
use crate::style::{FRAME_WIDTH, INK, LABEL_SIZE, MUTED, Rgb, Stroke, TICK_SIZE};
use crate::ticks::superscript;

/// Where a panel is, and which values its axes cover.
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
    pub(crate) x: Axis,
    pub(crate) y: Option<Axis>,
}

/// Length of a tick, inside the frame.
const TICK: f64 = 4.0;

impl Frame {
    /// The place of values; without a vertical axis `y` is a share of the height.
    pub(crate) fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let up = self.y.as_ref().map_or(y, |axis| axis.place(y));
        (self.left + self.x.place(x) * (self.right - self.left), self.bottom - up * (self.bottom - self.top))
    }

    /// A line through values, as far as it is inside.
    pub(crate) fn line(&self, picture: &mut Picture, values: &[(f64, f64)], stroke: Stroke) {
        let points: Vec<(f64, f64)> = values.iter().map(|&value| self.place(value)).collect();
        let mut piece: Vec<(f64, f64)> = Vec::new();
        for pair in points.windows(2) {
            let Some((from, to)) = self.clipped(pair[0], pair[1]) else {
                self.end(picture, &mut piece, stroke);
                continue;
            };
            if piece.last() != Some(&from) {
                self.end(picture, &mut piece, stroke);
                piece.push(from);
            }
            piece.push(to);
        }
        self.end(picture, &mut piece, stroke);
    }

    fn end(&self, picture: &mut Picture, piece: &mut Vec<(f64, f64)>, stroke: Stroke) {
        if piece.len() > 1 {
            picture.line(piece, stroke);
        }
        piece.clear();
    }

    /// The part of a segment that is inside (Liang & Barsky 1984).
    fn clipped(&self, (ax, ay): (f64, f64), (bx, by): (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
        let (dx, dy) = (bx - ax, by - ay);
        let (mut first, mut last) = (0.0_f64, 1.0_f64);
        let edges = [(-dx, ax - self.left), (dx, self.right - ax), (-dy, ay - self.top), (dy, self.bottom - ay)];
        for (p, q) in edges {
            if p == 0.0 {
                if q < 0.0 {
                    return None;
                }
            } else if p < 0.0 {
                first = first.max(q / p);
            } else {
                last = last.min(q / p);
            }
        }
        let at = |share: f64| (ax + share * dx, ay + share * dy);
        let whole = |share: f64, end: (f64, f64)| if share == 0.0 || share == 1.0 { end } else { at(share) };
        (first <= last && (first.is_finite() && last.is_finite())).then(|| {
            let from = if first == 0.0 { (ax, ay) } else { whole(first, (bx, by)) };
            let to = if last == 1.0 { (bx, by) } else { whole(last, (ax, ay)) };
            (from, to)
        })
    }

    /// What lies inside an odd number of closed lines, as far as it is inside the frame.
    pub(crate) fn region(&self, picture: &mut Picture, rings: &[Vec<(f64, f64)>], colour: Rgb, opacity: f64) {
        let cut: Vec<Vec<(f64, f64)>> =
            rings.iter().map(|ring| self.cut(ring.iter().map(|&value| self.place(value)).collect())).collect();
        picture.region(&cut, colour, opacity);
    }

    /// A closed line cut at the four edges in turn (Sutherland & Hodgman 1974).
    fn cut(&self, mut ring: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
        type Inside<'a> = Box<dyn Fn((f64, f64)) -> f64 + 'a>;
        let edges: [Inside<'_>; 4] = [
            Box::new(|p| p.0 - self.left),
            Box::new(|p| self.right - p.0),
            Box::new(|p| p.1 - self.top),
            Box::new(|p| self.bottom - p.1),
        ];
        for inside in &edges {
            let mut kept = Vec::with_capacity(ring.len() + 4);
            for (k, &b) in ring.iter().enumerate() {
                let a = ring[(k + ring.len() - 1) % ring.len()];
                let (da, db) = (inside(a), inside(b));
                if (da >= 0.0) != (db >= 0.0) {
                    let share = da / (da - db);
                    kept.push((a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1)));
                }
                if db >= 0.0 {
                    kept.push(b);
                }
            }
            ring = kept;
        }
        ring
    }

    /// The frame, its ticks, and the numbers beside those axes that are labelled.
    pub(crate) fn draw(&self, picture: &mut Picture, labels: [bool; 2]) {
        let corners = [
            (self.left, self.top),
            (self.right, self.top),
            (self.right, self.bottom),
            (self.left, self.bottom),
            (self.left, self.top),
        ];
        for tick in &self.x.ticks {
            let (x, _) = self.place((tick.value, 0.0));
            picture.line(&[(x, self.bottom), (x, self.bottom - TICK)], Stroke::solid(INK, FRAME_WIDTH));
            if let Some(label) = tick.label.as_ref().filter(|_| labels[0]) {
                // A number at the very edge would run into that of the next panel.
                let half = 0.5 * text_width(label, TICK_SIZE);
                let x = x.max(self.left + half - 3.0).min(self.right - half + 3.0);
                picture.text((x, self.bottom + 5.0 + TICK_SIZE), label, Lettering::new(TICK_SIZE, INK, Align::Centre));
            }
        }
        for tick in self.y.iter().flat_map(|axis| &axis.ticks) {
            let (_, y) = self.place((0.0, tick.value));
            picture.line(&[(self.left, y), (self.left + TICK, y)], Stroke::solid(INK, FRAME_WIDTH));
            if let Some(label) = tick.label.as_ref().filter(|_| labels[1]) {
                picture.text(
                    (self.left - 5.0, y + 0.36 * TICK_SIZE),
                    label,
                    Lettering::new(TICK_SIZE, INK, Align::Right),
                );
            }
        }
        picture.line(&corners, Stroke::solid(MUTED, FRAME_WIDTH));
    }

    /// The name of the horizontal axis, below its numbers.
    pub(crate) fn name_x(&self, picture: &mut Picture, name: &str) {
        let at = (0.5 * (self.left + self.right), self.bottom + 5.0 + TICK_SIZE + 8.0 + LABEL_SIZE);
        picture.text(at, &powered(name, self.x.power), Lettering::new(LABEL_SIZE, INK, Align::Centre));
    }

    /// The name of the vertical axis, upright with its baseline at `x`.
    pub(crate) fn name_y(&self, picture: &mut Picture, name: &str, x: f64) {
        let power = self.y.as_ref().map_or(0, |axis| axis.power);
        let lettering = Lettering { upright: true, ..Lettering::new(LABEL_SIZE, INK, Align::Centre) };
        picture.text((x, 0.5 * (self.top + self.bottom)), &powered(name, power), lettering);
    }
}

/// A name with the power of ten of its numbers.
fn powered(name: &str, power: i32) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if power == 0 { name } else { format!("{name} / 10{}", superscript(power)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Shape;

    fn frame() -> Frame {
        let axis = || Axis::between(0.0, 1.0, 4);
        Frame { left: 0.0, top: 0.0, right: 100.0, bottom: 100.0, x: axis(), y: Some(axis()) }
    }

    fn picture() -> Picture {
        Picture { width: 100, height: 100, shapes: vec![] }
    }

    #[test]
    fn lines_end_at_the_frame_and_come_back_in_pieces() {
        let mut picture = picture();
        frame().line(
            &mut picture,
            &[(-0.5, 0.5), (0.5, 0.5), (0.5, 1.5), (0.8, 1.5), (0.8, 0.5)],
            Stroke::solid(INK, 1.0),
        );
        let lines: Vec<&Vec<(i32, i32)>> = picture
            .shapes
            .iter()
            .filter_map(|shape| if let Shape::Line { points, .. } = shape { Some(points) } else { None })
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(*lines[0], [(0, 800), (800, 800), (800, 0)]);
        assert_eq!(*lines[1], [(1280, 0), (1280, 800)]);
    }

    #[test]
    fn regions_are_cut_at_the_frame() {
        let mut picture = picture();
        frame().region(
            &mut picture,
            &[vec![(-1.0, -1.0), (0.5, -1.0), (0.5, 2.0), (-1.0, 2.0)], vec![(3.0, 3.0), (4.0, 3.0), (4.0, 4.0)]],
            INK,
            0.5,
        );
        let [Shape::Region { rings, .. }] = &picture.shapes[..] else { panic!("{:?}", picture.shapes) };
        assert_eq!(rings.len(), 1);
        assert!(rings[0].iter().all(|(x, y)| (0..=800).contains(x) && (0..=1600).contains(y)), "{rings:?}");
    }
}
