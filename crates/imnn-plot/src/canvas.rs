//! Lines, discs and texts in logical pixels, on any backend of the plotters family.

use plotters_backend::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, FontFamily, FontTransform,
};

use crate::PlotError;
use crate::style::{Dash, FONT_FAMILY, Rgb, Stroke};

/// Backends have integer coordinates; this many of them make one logical pixel.
pub(crate) const UNITS: f64 = 16.0;

/// How far below its anchor a vertically centred text has its baseline, in ems: half the x-height of DejaVu Sans.
pub(crate) const CENTRE_DROP: f64 = 0.2735;

/// The plotters family writes a font size divided by this into an SVG.
pub(crate) const FONT_FACTOR: f64 = 1.24;

/// A backend drawn on in logical pixels.
pub(crate) struct Canvas<'a, B: DrawingBackend> {
    backend: &'a mut B,
}

/// Where a text lies beside its anchor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lettering {
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

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    pub(crate) fn new(backend: &'a mut B) -> Self {
        Self { backend }
    }

    /// A line through all points.
    pub(crate) fn line(&mut self, points: &[(f64, f64)], stroke: Stroke) -> Result<(), PlotError> {
        let style = Ink { colour: stroke.colour, opacity: stroke.opacity, width: units(stroke.width).max(1) as u32 };
        match stroke.dash {
            Dash::Solid => self.path(points, &style),
            Dash::Broken { on, off } => {
                for dash in dashes(points, on, off) {
                    self.path(&dash, &style)?;
                }
                Ok(())
            }
        }
    }

    pub(crate) fn disc(&mut self, centre: (f64, f64), radius: f64, colour: Rgb) -> Result<(), PlotError> {
        let radius = units(radius).max(1) as u32;
        self.backend.draw_circle(place(centre), radius, &Ink::opaque(colour), true).map_err(refused)
    }

    pub(crate) fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), colour: Rgb) -> Result<(), PlotError> {
        self.backend.draw_rect(place(from), place(to), &Ink::opaque(colour), true).map_err(refused)
    }

    /// One line of text; `at` is on its baseline.
    pub(crate) fn text(&mut self, at: (f64, f64), text: &str, lettering: Lettering) -> Result<(), PlotError> {
        let drop = CENTRE_DROP * lettering.size;
        let anchor = if lettering.upright { (at.0 - drop, at.1) } else { (at.0, at.1 - drop) };
        self.backend.draw_text(text, &lettering, place(anchor)).map_err(refused)
    }

    fn path(&mut self, points: &[(f64, f64)], style: &Ink) -> Result<(), PlotError> {
        self.backend.draw_path(points.iter().map(|&point| place(point)), style).map_err(refused)
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

struct Ink {
    colour: Rgb,
    opacity: f64,
    width: u32,
}

impl Ink {
    fn opaque(colour: Rgb) -> Self {
        Self { colour, opacity: 1.0, width: 1 }
    }
}

impl BackendStyle for Ink {
    fn color(&self) -> BackendColor {
        BackendColor { alpha: self.opacity, rgb: self.colour }
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

impl BackendTextStyle for Lettering {
    type FontError = std::fmt::Error;

    fn color(&self) -> BackendColor {
        BackendColor { alpha: 1.0, rgb: self.colour }
    }

    fn size(&self) -> f64 {
        self.size * UNITS * FONT_FACTOR
    }

    fn transform(&self) -> FontTransform {
        if self.upright { FontTransform::Rotate270 } else { FontTransform::None }
    }

    fn anchor(&self) -> Pos {
        let horizontal = match self.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        Pos::new(horizontal, VPos::Center)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(FONT_FAMILY)
    }

    fn layout_box(&self, text: &str) -> Result<((i32, i32), (i32, i32)), Self::FontError> {
        Ok(((0, 0), (units(crate::font::text_width(text, self.size)), units(self.size))))
    }

    // Both backends of this crate set texts themselves; this is for a backend that asks for pixels.
    fn draw<E, F: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        text: &str,
        (x, y): BackendCoord,
        mut draw: F,
    ) -> Result<Result<(), E>, Self::FontError> {
        let mut outcome = Ok(());
        crate::font::draw_text(text, self.size * UNITS, 0.0, |i, j, coverage| {
            if outcome.is_ok() {
                outcome = draw(x + i, y + j, BackendColor { alpha: f64::from(coverage), rgb: self.colour });
            }
        });
        Ok(outcome)
    }
}

fn place(point: (f64, f64)) -> BackendCoord {
    (units(point.0), units(point.1))
}

fn units(length: f64) -> i32 {
    (length * UNITS).round() as i32
}

fn refused(reason: impl std::fmt::Display) -> PlotError {
    PlotError::Draw { reason: reason.to_string() }
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
