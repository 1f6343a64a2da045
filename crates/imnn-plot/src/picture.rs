//! What is drawn, lines, discs, regions and texts on white, before it is an image in some format.

use crate::style::{Dash, Rgb, Stroke};

/// Coordinates are whole numbers; this many of them make one logical pixel.
pub(crate) const UNITS: f64 = 16.0;

/// A point in units, from the left and from the top.
pub(crate) type Place = (i32, i32);

/// A picture of so many logical pixels, the shapes at the back first.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) shapes: Vec<Shape>,
}

/// One shape, with lengths in units.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A line through all points, with round joints and ends.
    Line {
        points: Vec<Place>,
        width: i32,
        colour: Rgb,
        opacity: f64,
    },
    Disc {
        centre: Place,
        radius: i32,
        colour: Rgb,
    },
    /// What lies inside an odd number of closed lines.
    Region {
        rings: Vec<Vec<Place>>,
        colour: Rgb,
        opacity: f64,
    },
    /// One line of text; `at` is on its baseline.
    Text {
        at: Place,
        text: String,
        lettering: Lettering,
    },
}

/// Where a text lies beside its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lettering {
    /// The em, in logical pixels.
    pub(crate) size: f64,
    pub(crate) colour: Rgb,
    pub(crate) align: Align,
    /// Whether it reads from below.
    pub(crate) upright: bool,
}

impl Lettering {
    pub(crate) const fn new(size: f64, colour: Rgb, align: Align) -> Self {
        Self { size, colour, align, upright: false }
    }
}

/// Shapes are added in logical pixels.
impl Picture {
    pub(crate) fn line(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        let pieces = match stroke.dash {
            Dash::Solid => vec![points.to_vec()],
            Dash::Broken { on, off } => dashes(points, on, off),
        };
        let (colour, opacity, width) = (stroke.colour, stroke.opacity, units(stroke.width).max(1));
        self.shapes.extend(pieces.into_iter().map(|piece| Shape::Line {
            points: piece.into_iter().map(place).collect(),
            width,
            colour,
            opacity,
        }));
    }

    pub(crate) fn disc(&mut self, centre: (f64, f64), radius: f64, colour: Rgb) {
        self.shapes.push(Shape::Disc { centre: place(centre), radius: units(radius).max(1), colour });
    }

    /// What lies inside an odd number of closed lines.
    pub(crate) fn region(&mut self, rings: &[Vec<(f64, f64)>], colour: Rgb, opacity: f64) {
        let rings: Vec<Vec<Place>> =
            rings.iter().filter(|ring| ring.len() > 2).map(|ring| ring.iter().copied().map(place).collect()).collect();
        if !rings.is_empty() {
            self.shapes.push(Shape::Region { rings, colour, opacity });
        }
    }

    /// One line of text; `at` is on its baseline.
    pub(crate) fn text(&mut self, at: (f64, f64), text: &str, lettering: Lettering) {
        self.shapes.push(Shape::Text { at: place(at), text: text.to_owned(), lettering });
    }
}

/// The pieces of a line that are drawn when it is broken up.
fn dashes(points: &[(f64, f64)], on: f64, off: f64) -> Vec<Vec<(f64, f64)>> {
    let mut dashes = Vec::new();
    let mut dash = points.first().copied().into_iter().collect::<Vec<_>>();
    let (mut drawing, mut left) = (true, on);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                if drawing {
                    dash.push(to);
                }
                break;
            }
            let part = left / length;
            from = (from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1));
            if drawing {
                dash.push(from);
                dashes.push(std::mem::take(&mut dash));
            } else {
                dash.push(from);
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
    }
    if dash.len() > 1 {
        dashes.push(dash);
    }
    dashes
}

fn place(point: (f64, f64)) -> Place {
    (units(point.0), units(point.1))
}

fn units(length: f64) -> i32 {
    (length * UNITS).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_their_share_of_the_line() {
        let line = [(0.0, 0.0), (7.0, 0.0), (7.0, 23.0)];
        let dashes = dashes(&line, 4.0, 2.0);
        let length: f64 =
            dashes.iter().flat_map(|d| d.windows(2)).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum();
        assert!((length - 20.0).abs() < 1e-12, "{length}");
        assert_eq!(dashes.len(), 5);
        // The second dash goes round the corner.
        assert_eq!(dashes[1], [(6.0, 0.0), (7.0, 0.0), (7.0, 3.0)]);
    }
}
