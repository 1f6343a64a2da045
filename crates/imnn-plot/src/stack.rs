//! Panels one above the other, over one axis.

use crate::axis::Axis;
use crate::font::text_width;
use crate::panel::{self, Area, Panel};
use crate::picture::{Align, Lettering, Picture};
use crate::style::{
    BAND_OPACITY, BAND_WIDTH, DOTTED, INK, LABEL_SIZE, LEGEND_SIZE, MUTED, Stroke, TICK_SIZE, TITLE_SIZE, VERMILION,
};

/// Height of a note, in logical pixels.
const NOTE_LINE: u32 = 18;
/// Between two panels, and below the last one.
const GAP: f64 = 24.0;
const FOOT: f64 = 50.0;

/// The size of a picture without its notes, in logical pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    /// So many ticks suit an axis of each of `n` panels.
    pub(crate) fn ticks(self, n: usize, titled: bool) -> usize {
        (self.panel_height(n, titled) / 38.0).clamp(2.0, 7.0) as usize
    }

    fn panel_height(self, n: usize, titled: bool) -> f64 {
        let gaps = GAP * (n as f64 - 1.0);
        ((f64::from(self.height) - top(titled) - FOOT - gaps) / n as f64).floor()
    }
}

fn top(titled: bool) -> f64 {
    if titled { 46.0 } else { 24.0 }
}

/// Panels one above the other.
pub(crate) struct Stack<'a, F> {
    pub(crate) size: Size,
    pub(crate) panels: Vec<Panel<'a>>,
    /// The axis that all have, with so many ticks at most.
    pub(crate) along: F,
    pub(crate) label: &'static str,
    /// A place on it that is marked in all panels.
    pub(crate) marked: Option<usize>,
    pub(crate) title: Option<&'a str>,
    /// Lines below.
    pub(crate) notes: &'a [String],
}

impl<F: Fn(usize) -> Axis> Stack<'_, F> {
    pub(crate) fn drawn(self) -> Picture {
        let Stack { size, mut panels, along, label, marked, title, notes } = self;
        let below = NOTE_LINE * notes.len() as u32;
        let mut picture = Picture { width: size.width, height: size.height + below, shapes: vec![] };
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let (n, top) = (panels.len(), top(title.is_some()));
        let panel_height = size.panel_height(n, title.is_some());

        let tick_labels = panels.iter().map(|p| panel::labels_width(p.axis.as_ref())).fold(0.0, f64::max);
        let second_labels = panels.iter().map(|p| panel::labels_width(p.second_axis.as_ref())).fold(0.0, f64::max);
        let legend = panels.iter().map(panel::legend_width).fold(0.0, f64::max);
        let left = (14.0 + LABEL_SIZE + 10.0 + tick_labels + 6.0).ceil();
        // The second axis takes its labels, the name of the axis and some air between the frame and the legends.
        let second = panels.iter().any(|panel| panel.second_axis.is_some());
        let named = if second { 12.0 + LABEL_SIZE } else { 0.0 };
        let beside = (6.0 + second_labels + named + 14.0).ceil();
        let right = (width - 14.0 - legend - beside).max(left + 120.0).floor();
        let legend_left = right + beside;

        let along = along(((right - left) / 80.0) as usize);
        let columns = (right - left) as usize;
        for curve in panels.iter_mut().flat_map(|panel| &mut panel.curves).filter(|curve| curve.values.len() > columns)
        {
            // Dashes along the ups and downs of a band would be dust.
            let colour = curve.stroke.colour;
            curve.stroke = Stroke { opacity: BAND_OPACITY, ..Stroke::solid(colour, BAND_WIDTH) };
        }
        for (k, panel) in panels.iter().enumerate() {
            let top = top + k as f64 * (panel_height + GAP);
            let area = Area { left, top, right, bottom: top + panel_height };
            if let Some(marked) = marked {
                let x = left + along.place(marked as f64) * (right - left);
                picture.line(&[(x, area.top), (x, area.bottom)], Stroke::solid(MUTED, 1.0).dashed(DOTTED));
            }
            panel::draw(&mut picture, panel, area, &along, legend_left, columns);
            let middle = 0.5 * (area.top + area.bottom);
            panel::axis_label(&mut picture, &panel.label, (14.0 + LABEL_SIZE, middle));
            let second_label = (right + 6.0 + second_labels + 12.0 + LABEL_SIZE, middle);
            panel::axis_label(&mut picture, &panel.second_label, second_label);
        }

        let bottom = top + n as f64 * panel_height + (n as f64 - 1.0) * GAP;
        for tick in &along.ticks {
            let x = left + along.place(tick.value) * (right - left);
            if let Some(label) = &tick.label {
                picture.text((x, bottom + 6.0 + TICK_SIZE), label, Lettering::new(TICK_SIZE, INK, Align::Centre));
            }
        }
        let centre = 0.5 * (left + right);
        picture.text((centre, bottom + 40.0), label, Lettering::new(LABEL_SIZE, INK, Align::Centre));
        for (k, note) in notes.iter().enumerate() {
            let y = height + f64::from(NOTE_LINE) * k as f64 + 7.0;
            let note = fitted(note, width - 28.0, LEGEND_SIZE);
            picture.text((14.0, y), &note, Lettering::new(LEGEND_SIZE, VERMILION, Align::Left));
        }
        if let Some(title) = title {
            let title = fitted(title, width - left - 14.0, TITLE_SIZE);
            picture.text((left, 24.0), &title, Lettering::new(TITLE_SIZE, INK, Align::Left));
        }
        picture
    }
}

/// A line without control characters, which no SVG may hold, shortened to `width`.
fn fitted(line: &str, width: f64, size: f64) -> String {
    let mut text: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text_width(&text, size) > width {
        while !text.is_empty() && text_width(&text, size) + text_width("…", size) > width {
            text.pop();
        }
        text.push('…');
    }
    text
}
