//! The embedded font: widths of texts, and their glyphs as coverage.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};

pub(crate) static BYTES: &[u8] = include_bytes!("../font/DejaVuSans-subset.ttf");

/// Width of one line of text set at `size` (the em) in the same unit.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let Some(font) = font() else { return 0.6 * size * text.chars().count() as f64 };
    let scaled = font.as_scaled(scale(font, size));
    text.chars().map(|c| f64::from(scaled.h_advance(scaled.glyph_id(c)))).sum()
}

/// The number of a character's glyph in the font.
pub(crate) fn glyph(c: char) -> u16 {
    font().map_or(0, |font| font.glyph_id(c).0)
}

/// How far glyphs reach.
pub(crate) struct Extent {
    /// Above the baseline.
    pub(crate) ascent: f64,
    /// Below it, negative.
    pub(crate) descent: f64,
    /// The widest.
    pub(crate) widest: f64,
}

/// The extent of the font set at `size`.
pub(crate) fn extent(size: f64) -> Extent {
    let scaled = font().map(|font| font.as_scaled(scale(font, size)));
    let of = |length: Option<f32>| f64::from(length.unwrap_or(size as f32));
    let widest = scaled.as_ref().map(|font| {
        let widths = (0..font.glyph_count()).map(|k| font.h_advance(ab_glyph::GlyphId(k as u16)));
        widths.fold(0.0, f32::max)
    });
    let (ascent, descent) = (scaled.as_ref().map(|font| font.ascent()), scaled.as_ref().map(|font| font.descent()));
    Extent { ascent: of(ascent), descent: of(descent), widest: of(widest) }
}

/// Draws one line of text with its baseline starting at `(x, 0)`: calls `ink(x, y, coverage)` for every pixel touched.
pub(crate) fn draw_text(text: &str, size: f64, x: f64, mut ink: impl FnMut(i32, i32, f32)) {
    let Some(font) = font() else { return };
    let scale = scale(font, size);
    let scaled = font.as_scaled(scale);
    let mut pen = x as f32;
    for c in text.chars() {
        let id = scaled.glyph_id(c);
        let glyph: Glyph = id.with_scale_and_position(scale, point(pen, 0.0));
        pen += scaled.h_advance(id);
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|i, j, coverage| ink(corner.x as i32 + i as i32, corner.y as i32 + j as i32, coverage));
        }
    }
}

/// The scale at which the em is `size`: that of the library counts from the ascent to the descent.
fn scale(font: &FontRef<'static>, size: f64) -> PxScale {
    let em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size as f32 * font.height_unscaled() / em)
}

/// The parsed font; a test makes sure that it is one.
fn font() -> Option<&'static FontRef<'static>> {
    static FONT: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    FONT.get_or_init(|| FontRef::try_from_slice(BYTES).ok()).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_character_of_the_labels() {
        let font = font().unwrap();
        for c in "0123456789+-−.,×⁰¹²³⁴⁵⁶⁷⁸⁹⁻₂Λλθαdet FCriteaonvlidgxpb()=\u{2009}…".chars()
        {
            assert!(font.glyph_id(c).0 != 0, "no glyph for {c:?}");
        }
        assert!(BYTES.len() < 150_000, "{} bytes", BYTES.len());
    }

    #[test]
    fn widths_add_up_and_grow_with_the_size() {
        let a = text_width("det ", 10.0);
        let b = text_width("F", 10.0);
        assert!((text_width("det F", 10.0) - a - b).abs() < 1e-4);
        assert!((text_width("det F", 20.0) - 2.0 * (a + b)).abs() < 1e-3);
    }

    #[test]
    fn text_leaves_ink_above_its_baseline() {
        let mut sum = 0.0;
        draw_text("H", 100.0, 0.0, |x, y, c| {
            assert!((0..=100).contains(&x) && (-100..=0).contains(&y));
            sum += c;
        });
        assert!(sum > 1000.0);
    }
}
