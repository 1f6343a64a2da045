//! A backend of the plotters family that draws smooth lines and text into memory.
//!
//! Each pixel takes the share of a shape that covers it, from its distance to the shape; joints and ends of lines are
//! round. The bitmap backend of plotters fills outlines of lines instead, which leaves holes and spikes in a noisy curve.

use std::convert::Infallible;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
};

use crate::canvas::{CENTRE_DROP, FONT_FACTOR, UNITS};
use crate::font;
use crate::style::Rgb;

/// An image, white to begin with; rows from the top, red, green and blue.
pub(crate) struct Raster {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    /// Pixels per unit of the backend's coordinates.
    scale: f64,
}

impl Raster {
    /// An image of `width` x `height` logical pixels, each `ratio` x `ratio` pixels of the file.
    pub(crate) fn new(width: u32, height: u32, ratio: u32) -> Self {
        let (width, height) = ((width * ratio) as usize, (height * ratio) as usize);
        Self { width, height, pixels: vec![255; 3 * width * height], scale: f64::from(ratio) / UNITS }
    }

    /// The image as the bytes of a PNG file.
    pub(crate) fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }

    fn blend(&mut self, x: i64, y: i64, colour: Rgb, coverage: f64) {
        if x < 0 || y < 0 || x >= self.width as i64 || y >= self.height as i64 || coverage <= 0.0 {
            return;
        }
        let at = 3 * (y as usize * self.width + x as usize);
        let coverage = coverage.min(1.0);
        for (pixel, ink) in self.pixels[at..at + 3].iter_mut().zip([colour.0, colour.1, colour.2]) {
            *pixel = (f64::from(*pixel) + coverage * (f64::from(ink) - f64::from(*pixel))).round() as u8;
        }
    }

    fn point(&self, (x, y): BackendCoord) -> (f64, f64) {
        (f64::from(x) * self.scale, f64::from(y) * self.scale)
    }

    /// Draws the union of all capsules of radius `half` around the segments of a path.
    fn stroke(&mut self, points: &[(f64, f64)], half: f64, colour: Rgb, alpha: f64) {
        let reach = half + 1.0;
        let (mut left, mut top, mut right, mut bottom) = (f64::MAX, f64::MAX, f64::MIN, f64::MIN);
        for &(x, y) in points {
            (left, right) = (left.min(x), right.max(x));
            (top, bottom) = (top.min(y), bottom.max(y));
        }
        let left = (left - reach).max(0.0) as usize;
        let top = (top - reach).max(0.0) as usize;
        let right = ((right + reach).max(0.0) as usize + 1).min(self.width);
        let bottom = ((bottom + reach).max(0.0) as usize + 1).min(self.height);
        if left >= right || top >= bottom {
            return;
        }
        let width = right - left;
        // Coverage is the greatest of all segments, so that joints are not darker than the rest.
        let mut mask = vec![0.0f32; width * (bottom - top)];
        let single = [points[0], points[0]];
        let segments = if points.len() > 1 { points } else { &single };
        for pair in segments.windows(2) {
            let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
            let (dx, dy) = (bx - ax, by - ay);
            let square = dx * dx + dy * dy;
            let rows =
                (ay.min(by) - reach).max(top as f64) as usize..((ay.max(by) + reach).max(0.0) as usize + 1).min(bottom);
            for row in rows {
                let y = row as f64 + 0.5;
                // Only the pixels of this row that the segment can reach: it crosses the band y -+ reach between these.
                let (from, to) = if dy.abs() < 1e-9 {
                    (ax.min(bx), ax.max(bx))
                } else {
                    let at = |y: f64| ax + dx * ((y - ay) / dy).clamp(0.0, 1.0);
                    let (p, q) = (at(y - reach), at(y + reach));
                    (p.min(q), p.max(q))
                };
                let columns = (from - reach).max(left as f64) as usize..((to + reach).max(0.0) as usize + 1).min(right);
                for column in columns {
                    let x = column as f64 + 0.5;
                    let along =
                        if square > 0.0 { (((x - ax) * dx + (y - ay) * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
                    let distance = (x - ax - along * dx).hypot(y - ay - along * dy);
                    let coverage = (half + 0.5 - distance).clamp(0.0, 1.0) as f32;
                    let pixel = &mut mask[(row - top) * width + column - left];
                    *pixel = pixel.max(coverage);
                }
            }
        }
        for (k, &coverage) in mask.iter().enumerate() {
            self.blend((left + k % width) as i64, (top + k / width) as i64, colour, alpha * f64::from(coverage));
        }
    }

    /// Fills a polygon by the even-odd rule, with eight scan lines per row of pixels.
    fn fill(&mut self, points: &[(f64, f64)], colour: Rgb, alpha: f64) {
        const LINES: usize = 8;
        let top = points.iter().map(|p| p.1).fold(f64::MAX, f64::min).max(0.0) as usize;
        let bottom = points.iter().map(|p| p.1).fold(0.0, f64::max).ceil().min(self.height as f64) as usize;
        let mut cover = vec![0.0; self.width];
        for row in top..bottom {
            cover.fill(0.0);
            for line in 0..LINES {
                let y = row as f64 + (line as f64 + 0.5) / LINES as f64;
                let edges = points.iter().zip(points.iter().cycle().skip(1));
                let mut crossings: Vec<f64> = edges
                    .filter(|(a, b)| (a.1 <= y) != (b.1 <= y))
                    .map(|(a, b)| a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0))
                    .collect();
                crossings.sort_by(f64::total_cmp);
                for span in crossings.chunks_exact(2) {
                    let (from, to) = (span[0].max(0.0), span[1].min(self.width as f64));
                    for x in from.max(0.0) as usize..to.max(0.0).ceil() as usize {
                        let share = (to.min(x as f64 + 1.0) - from.max(x as f64)).max(0.0);
                        cover[x] += share / LINES as f64;
                    }
                }
            }
            for x in 0..self.width {
                self.blend(x as i64, row as i64, colour, alpha * cover[x]);
            }
        }
    }
}

type Outcome = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Raster {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        ((self.width as f64 / self.scale) as u32, (self.height as f64 / self.scale) as u32)
    }

    fn ensure_prepared(&mut self) -> Outcome {
        Ok(())
    }

    fn present(&mut self) -> Outcome {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Outcome {
        let (x, y) = self.point(point);
        self.blend(x.floor() as i64, y.floor() as i64, color.rgb, color.alpha);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Outcome {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Outcome {
        let points: Vec<(f64, f64)> = path.into_iter().map(|point| self.point(point)).collect();
        if !points.is_empty() {
            let half = 0.5 * f64::from(style.stroke_width()) * self.scale;
            self.stroke(&points, half, style.color().rgb, style.color().alpha);
        }
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Outcome {
        let corners = [a, (b.0, a.1), b, (a.0, b.1)];
        if fill { self.fill_polygon(corners, style) } else { self.draw_path(corners.into_iter().chain([a]), style) }
    }

    fn draw_circle<S: BackendStyle>(&mut self, centre: BackendCoord, radius: u32, style: &S, fill: bool) -> Outcome {
        let centre = self.point(centre);
        let radius = f64::from(radius) * self.scale;
        if fill {
            self.stroke(&[centre], radius, style.color().rgb, style.color().alpha);
        } else {
            let ring: Vec<(f64, f64)> = (0..=64)
                .map(|k| f64::from(k) * std::f64::consts::TAU / 64.0)
                .map(|angle| (centre.0 + radius * angle.cos(), centre.1 + radius * angle.sin()))
                .collect();
            let half = 0.5 * f64::from(style.stroke_width()) * self.scale;
            self.stroke(&ring, half, style.color().rgb, style.color().alpha);
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Outcome {
        let points: Vec<(f64, f64)> = corners.into_iter().map(|point| self.point(point)).collect();
        self.fill(&points, style.color().rgb, style.color().alpha);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, position: BackendCoord) -> Outcome {
        let size = style.size() / FONT_FACTOR * self.scale;
        let width = font::text_width(text, size);
        let start = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -0.5 * width,
            HPos::Right => -width,
        };
        // The same places as in an SVG: 0.76 em below the anchor, half an x-height below, half an x-height above.
        let drop = match style.anchor().v_pos {
            VPos::Top => 0.76 * size,
            VPos::Center => CENTRE_DROP * size,
            VPos::Bottom => -CENTRE_DROP * size,
        };
        let (x, y) = self.point(position);
        let (x, y) = (x.round() as i64, y.round() as i64);
        let drop = drop.round() as i32;
        let BackendColor { alpha, rgb } = style.color();
        font::draw_text(text, size, start, |i, j, coverage| {
            let j = j + drop;
            // A pixel has an extent, so turning it about a corner moves it by one.
            let (i, j) = match style.transform() {
                FontTransform::None => (i, j),
                FontTransform::Rotate90 => (-j - 1, i),
                FontTransform::Rotate180 => (-i - 1, -j - 1),
                FontTransform::Rotate270 => (j, -i - 1),
            };
            self.blend(x + i64::from(i), y + i64::from(j), rgb, alpha * f64::from(coverage));
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The darkness of all pixels together, one for a black pixel.
    fn ink(raster: &Raster) -> f64 {
        raster.pixels.iter().map(|&p| 1.0 - f64::from(p) / 255.0).sum::<f64>() / 3.0
    }

    const BLACK: Rgb = (0, 0, 0);

    #[test]
    fn shapes_have_their_areas() {
        let mut raster = Raster::new(40, 40, 1);
        raster.stroke(&[(5.0, 10.0), (25.0, 31.0)], 1.5, BLACK, 1.0);
        let length = 20f64.hypot(21.0);
        let area = 3.0 * length + std::f64::consts::PI * 1.5 * 1.5;
        assert!((ink(&raster) / area - 1.0).abs() < 0.02, "{} {area}", ink(&raster));

        let mut raster = Raster::new(40, 40, 1);
        raster.stroke(&[(20.3, 19.6)], 8.0, BLACK, 1.0);
        let area = std::f64::consts::PI * 64.0;
        assert!((ink(&raster) / area - 1.0).abs() < 0.02, "{} {area}", ink(&raster));

        let mut raster = Raster::new(40, 40, 1);
        raster.fill(&[(3.25, 4.5), (30.0, 4.5), (30.0, 20.75)], BLACK, 1.0);
        let area = 0.5 * 26.75 * 16.25;
        assert!((ink(&raster) / area - 1.0).abs() < 0.02, "{} {area}", ink(&raster));
    }

    #[test]
    fn a_line_of_two_pixels_between_pixels_is_sharp() {
        let mut raster = Raster::new(20, 20, 1);
        raster.stroke(&[(5.0, 10.0), (15.0, 10.0)], 1.0, BLACK, 1.0);
        let column: Vec<u8> = (0..20).map(|y| raster.pixels[3 * (y * 20 + 10)]).collect();
        assert_eq!(column[8..12], [255, 0, 0, 255]);
    }

    #[test]
    fn shapes_outside_the_image_are_cut_off() {
        let mut raster = Raster::new(10, 10, 2);
        raster.stroke(&[(-50.0, -20.0), (-30.0, 500.0)], 3.0, BLACK, 1.0);
        raster.fill(&[(-5.0, -5.0), (-1.0, -5.0), (-1.0, 90.0)], BLACK, 1.0);
        assert_eq!(ink(&raster), 0.0);
        raster.fill(&[(-5.0, -5.0), (90.0, -5.0), (90.0, 90.0), (-5.0, 90.0)], BLACK, 1.0);
        assert!((ink(&raster) - 400.0).abs() < 1e-9);
    }
}
