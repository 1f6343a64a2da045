//! Pictures as SVG.

use crate::picture::{Align, Picture, Place, Shape, UNITS};
use crate::style::{FONT_FAMILY, Rgb};

/// The text of the file. Its coordinates are those of the picture, and it is shown at its size in logical pixels.
pub(crate) fn svg(Picture { width, height, shapes }: &Picture) -> String {
    let fine = |length: &u32| length * UNITS as u32;
    let head = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" xmlns=\"http://www.w3.org/2000/svg\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\" font-family=\"{FONT_FAMILY}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        fine(width),
        fine(height)
    );
    head + &shapes.iter().map(element).collect::<String>() + "</svg>\n"
}

fn element(shape: &Shape) -> String {
    match shape {
        Shape::Line { points, width, colour, opacity } => {
            let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
            let style = format!("stroke=\"{}\" stroke-width=\"{width}\" opacity=\"{opacity}\"", hex(*colour));
            format!("<polyline fill=\"none\" {style} points=\"{}\"/>\n", points.join(" "))
        }
        Shape::Disc { centre: (x, y), radius, colour } => {
            format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{}\"/>\n", hex(*colour))
        }
        Shape::Region { rings, colour, opacity } => {
            let ring = |ring: &Vec<Place>| {
                let points: Vec<String> = ring.iter().map(|(x, y)| format!("{x},{y}")).collect();
                format!("M{}Z", points.join(" "))
            };
            let path: String = rings.iter().map(ring).collect();
            format!("<path fill=\"{}\" fill-rule=\"evenodd\" opacity=\"{opacity}\" d=\"{path}\"/>\n", hex(*colour))
        }
        Shape::Text { at: (x, y), text, lettering } => {
            let anchor = match lettering.align {
                Align::Left => "start",
                Align::Centre => "middle",
                Align::Right => "end",
            };
            let turn = if lettering.upright { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
            let (size, colour) = (lettering.size * UNITS, hex(lettering.colour));
            format!(
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{colour}\"{turn}>{text}</text>\n"
            )
        }
    }
}

fn hex((red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
