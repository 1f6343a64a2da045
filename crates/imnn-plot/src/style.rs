//! Colours, fonts and widths of all plots of this crate.
//!
//! Lengths are in logical pixels: those of the SVG, and of the PNG before its pixel ratio.

/// A colour, red, green and blue.
pub(crate) type Rgb = (u8, u8, u8);

/// The families an SVG asks for, the embedded one first.
pub(crate) const FONT_FAMILY: &str = "DejaVu Sans, Helvetica, Arial, sans-serif";

// The palette of Okabe and Ito (2008), told apart with every common form of colour blindness.
pub(crate) const BLUE: Rgb = (0, 114, 178);
pub(crate) const VERMILION: Rgb = (213, 94, 0);
pub(crate) const GREEN: Rgb = (0, 158, 115);
pub(crate) const PURPLE: Rgb = (168, 80, 138);

pub(crate) const WHITE: Rgb = (255, 255, 255);
pub(crate) const INK: Rgb = (34, 34, 34);
pub(crate) const MUTED: Rgb = (110, 110, 110);
pub(crate) const GRID: Rgb = (232, 232, 232);

pub(crate) const TITLE_SIZE: f64 = 15.0;
pub(crate) const LABEL_SIZE: f64 = 13.0;
pub(crate) const TICK_SIZE: f64 = 11.5;
pub(crate) const LEGEND_SIZE: f64 = 12.0;

pub(crate) const CURVE_WIDTH: f64 = 1.5;
/// For a curve with more than one point per pixel: it is a band rather than a line, and others show through it.
pub(crate) const BAND_WIDTH: f64 = 1.0;
pub(crate) const BAND_OPACITY: f64 = 0.7;
pub(crate) const FRAME_WIDTH: f64 = 1.0;
pub(crate) const MAJOR_TICK: f64 = 5.0;
pub(crate) const MINOR_TICK: f64 = 2.5;
pub(crate) const MARKER_RADIUS: f64 = 4.0;

/// How a line is broken up: lengths drawn and left out, in turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dash {
    Solid,
    Broken { on: f64, off: f64 },
}

/// A reference value.
pub(crate) const LONG_DASHED: Dash = Dash::Broken { on: 10.0, off: 5.0 };
/// A position.
pub(crate) const DOTTED: Dash = Dash::Broken { on: 1.0, off: 3.0 };

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) colour: Rgb,
    /// 1 covers what lies below.
    pub(crate) opacity: f64,
    pub(crate) width: f64,
    pub(crate) dash: Dash,
}

impl Stroke {
    pub(crate) const fn solid(colour: Rgb, width: f64) -> Self {
        Self { colour, opacity: 1.0, width, dash: Dash::Solid }
    }

    pub(crate) const fn dashed(self, dash: Dash) -> Self {
        Self { dash, ..self }
    }
}

/// A lighter shade of a colour, dark enough for a line on white.
pub(crate) fn light(colour: Rgb) -> Rgb {
    let mix = |c: u8| (0.55 * f64::from(c) + 0.45 * 255.0).round() as u8;
    (mix(colour.0), mix(colour.1), mix(colour.2))
}
