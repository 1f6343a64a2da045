//! Pictures as PNG, with smooth lines and text.
//!
//! Each pixel takes the share of a shape that covers it, from its distance to the shape; joints and ends of lines are
//! round. Outlines of lines that are filled instead leave holes and spikes in a noisy curve.

use crate::font;
use crate::picture::{Align, Lettering, Picture, Place, Shape, UNITS};
use crate::style::Rgb;

/// The bytes of the file, in which each logical pixel is `ratio` x `ratio` pixels.
pub(crate) fn png(picture: &Picture, ratio: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut raster = Raster::new(picture.width, picture.height, ratio);
    picture.shapes.iter().for_each(|shape| raster.draw(shape));
    raster.encoded()
}

/// An image, white to begin with; rows from the top, red, green and blue.
struct Raster {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    /// Pixels per unit of the picture's coordinates.
    scale: f64,
}

impl Raster {
    /// An image of `width` x `height` logical pixels, each `ratio` x `ratio` pixels of the file.
    fn new(width: u32, height: u32, ratio: u32) -> Self {
        let (width, height) = ((width * ratio) as usize, (height * ratio) as usize);
        Self { width, height, pixels: vec![255; 3 * width * height], scale: f64::from(ratio) / UNITS }
    }

    fn encoded(&self) -> Result<Vec<u8>, png::EncodingError> {
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

    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Line { points, width, colour, opacity } => {
                let points: Vec<(f64, f64)> = points.iter().map(|&point| self.point(point)).collect();
                self.stroke(&points, 0.5 * f64::from(*width) * self.scale, *colour, *opacity);
            }
            Shape::Disc { centre, radius, colour } => {
                self.stroke(&[self.point(*centre)], f64::from(*radius) * self.scale, *colour, 1.0);
            }
            Shape::Region { rings, colour, opacity } => {
                let rings: Vec<Vec<(f64, f64)>> =
                    rings.iter().map(|ring| ring.iter().map(|&point| self.point(point)).collect()).collect();
                self.fill(&rings, *colour, *opacity);
            }
            Shape::Text { at, text, lettering } => self.text(*at, text, lettering),
        }
    }

    /// Fills what lies inside an odd number of closed lines: a few scanlines to each row, each exact along the row.
    fn fill(&mut self, rings: &[Vec<(f64, f64)>], colour: Rgb, alpha: f64) {
        const SCANS: usize = 4;
        let heights = || rings.iter().flatten().map(|(_, y)| *y);
        let (top, bottom) = (heights().fold(f64::MAX, f64::min), heights().fold(f64::MIN, f64::max));
        let rows = top.max(0.0) as usize..((bottom.max(0.0)) as usize + 1).min(self.height);
        let mut coverage = vec![0.0; self.width];
        for row in rows {
            coverage.fill(0.0);
            for scan in 0..SCANS {
                let y = row as f64 + (scan as f64 + 0.5) / SCANS as f64;
                let mut crossings = Vec::new();
                for ring in rings {
                    for (k, &(ax, ay)) in ring.iter().enumerate() {
                        let (bx, by) = ring[(k + 1) % ring.len()];
                        if (ay <= y) != (by <= y) {
                            crossings.push(ax + (y - ay) / (by - ay) * (bx - ax));
                        }
                    }
                }
                crossings.sort_by(f64::total_cmp);
                for span in crossings.chunks_exact(2) {
                    let (from, to) = (span[0].max(0.0), span[1].min(self.width as f64));
                    for column in from as usize..(to.max(0.0).ceil() as usize).min(self.width) {
                        let share = (to.min(column as f64 + 1.0) - from.max(column as f64)).max(0.0);
                        coverage[column] += share / SCANS as f64;
                    }
                }
            }
            for column in 0..self.width {
                self.blend(column as i64, row as i64, colour, alpha * coverage[column]);
            }
        }
    }

    fn text(&mut self, at: Place, text: &str, lettering: &Lettering) {
        let size = lettering.size * UNITS * self.scale;
        let start = match lettering.align {
            Align::Left => 0.0,
            Align::Centre => -0.5 * font::text_width(text, size),
            Align::Right => -font::text_width(text, size),
        };
        let (x, y) = self.point(at);
        let (x, y) = (x.round() as i64, y.round() as i64);
        font::draw_text(text, size, start, |i, j, coverage| {
            // A pixel has an extent, so turning it about a corner moves it by one.
            let (i, j) = if lettering.upright { (j, -i - 1) } else { (i, j) };
            self.blend(x + i64::from(i), y + i64::from(j), lettering.colour, f64::from(coverage));
        });
    }

    fn point(&self, (x, y): Place) -> (f64, f64) {
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
    }

    #[test]
    fn regions_have_their_areas_and_their_holes() {
        let mut raster = Raster::new(40, 40, 1);
        let square = |low: f64, high: f64| vec![(low, low), (high, low), (high, high), (low, high)];
        raster.fill(&[square(5.25, 30.5), square(10.0, 20.0)], BLACK, 1.0);
        let area = 25.25 * 25.25 - 100.0;
        assert!((ink(&raster) / area - 1.0).abs() < 0.01, "{} {area}", ink(&raster));
        assert_eq!(raster.pixels[3 * (15 * 40 + 15)], 255);
        let mut raster = Raster::new(10, 10, 1);
        raster.fill(&[square(-100.0, 100.0)], BLACK, 0.5);
        assert!((ink(&raster) - 50.0).abs() < 0.5);
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
        assert_eq!(ink(&raster), 0.0);
        raster.stroke(&[(-50.0, 10.0), (70.0, 10.0)], 20.0, BLACK, 1.0);
        assert!((ink(&raster) - 400.0).abs() < 1e-9);
    }
}
