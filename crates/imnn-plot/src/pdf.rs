//! Pictures as PDF, with the font embedded, so that text is text and journals take the file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::types::{CidFontType, FontFlags, LineCapStyle, LineJoinStyle, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str};

use crate::font::{self, text_width};
use crate::picture::{Align, Lettering, Picture, Place, Shape, UNITS};
use crate::style::Rgb;

/// Points of 1/72 inch in a logical pixel of 1/96 inch.
const POINTS: f64 = 0.75;
/// The name of the font on the page, and in the file.
const ON_PAGE: Name<'static> = Name(b"F");
const FONT: Name<'static> = Name(b"IMNNAA+DejaVuSans");
/// What the glyphs of a font are numbered by: as they are.
const IDENTITY: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// The objects of the file.
const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE: Ref = Ref::new(3);
const CONTENT: Ref = Ref::new(4);
const COMPOSITE: Ref = Ref::new(5);
const GLYPHS: Ref = Ref::new(6);
const DESCRIPTOR: Ref = Ref::new(7);
const PROGRAM: Ref = Ref::new(8);
const UNICODE: Ref = Ref::new(9);
/// The first of the opacities.
const FIRST: i32 = 10;

/// The bytes of the file: one page of the picture's size.
pub(crate) fn pdf(picture: &Picture) -> std::io::Result<Vec<u8>> {
    let Picture { width, height, shapes } = picture;
    let (width, height) = (f64::from(*width) * POINTS, f64::from(*height) * POINTS);
    let opacities: BTreeSet<u8> = shapes.iter().map(opacity).collect();
    let name = |opacity: u8| format!("O{opacity}");
    let mut content = Content::new();
    // Coordinates as in the picture, from the top.
    let scale = POINTS / UNITS;
    content.transform([scale, 0.0, 0.0, -scale, 0.0, height].map(single));
    content.set_line_cap(LineCapStyle::RoundCap).set_line_join(LineJoinStyle::RoundJoin);
    for shape in shapes {
        content.set_parameters(Name(name(opacity(shape)).as_bytes()));
        draw(&mut content, shape);
    }

    let mut pdf = Pdf::new();
    pdf.catalog(CATALOG).pages(PAGES);
    pdf.pages(PAGES).kids([PAGE]).count(1);
    let mut page = pdf.page(PAGE);
    page.media_box(Rect::new(0.0, 0.0, single(width), single(height))).parent(PAGES).contents(CONTENT);
    let mut resources = page.resources();
    resources.fonts().pair(ON_PAGE, COMPOSITE);
    let mut states = resources.ext_g_states();
    for (&opacity, number) in opacities.iter().zip(FIRST..) {
        states.pair(Name(name(opacity).as_bytes()), Ref::new(number));
    }
    states.finish();
    resources.finish();
    page.finish();
    for (&opacity, number) in opacities.iter().zip(FIRST..) {
        let alpha = f32::from(opacity) / 100.0;
        pdf.ext_graphics(Ref::new(number)).stroking_alpha(alpha).non_stroking_alpha(alpha);
    }
    pdf.stream(CONTENT, &compressed(&content.finish())?).filter(Filter::FlateDecode);
    embed(&mut pdf, shapes)?;
    Ok(pdf.finish())
}

/// The opacity of a shape, in hundredths.
fn opacity(shape: &Shape) -> u8 {
    match shape {
        Shape::Line { opacity, .. } | Shape::Region { opacity, .. } => (100.0 * opacity).round() as u8,
        _ => 100,
    }
}

fn draw(content: &mut Content, shape: &Shape) {
    match shape {
        Shape::Line { points, width, colour, .. } => {
            let [red, green, blue] = rgb(*colour);
            content.set_stroke_rgb(red, green, blue).set_line_width(*width as f32);
            for (k, &point) in points.iter().enumerate() {
                let (x, y) = place(point);
                if k == 0 {
                    content.move_to(x, y)
                } else {
                    content.line_to(x, y)
                };
            }
            content.stroke();
        }
        Shape::Disc { centre, radius, colour } => {
            // A point with a round cap.
            let [red, green, blue] = rgb(*colour);
            let (x, y) = place(*centre);
            content.set_stroke_rgb(red, green, blue).set_line_width(2.0 * *radius as f32);
            content.move_to(x, y).line_to(x, y).stroke();
        }
        Shape::Region { rings, colour, .. } => {
            let [red, green, blue] = rgb(*colour);
            content.set_fill_rgb(red, green, blue);
            for ring in rings {
                for (k, &point) in ring.iter().enumerate() {
                    let (x, y) = place(point);
                    if k == 0 {
                        content.move_to(x, y)
                    } else {
                        content.line_to(x, y)
                    };
                }
                content.close_path();
            }
            content.fill_even_odd();
        }
        Shape::Text { at, text, lettering } => letter(content, *at, text, lettering),
    }
}

fn letter(content: &mut Content, at: Place, text: &str, lettering: &Lettering) {
    let size = lettering.size * UNITS;
    let before = match lettering.align {
        Align::Left => 0.0,
        Align::Centre => 0.5 * text_width(text, size),
        Align::Right => text_width(text, size),
    };
    let (x, y) = (f64::from(at.0), f64::from(at.1));
    // Letters stand up where y points down.
    let matrix = match lettering.upright {
        false => [1.0, 0.0, 0.0, -1.0, x - before, y],
        true => [0.0, -1.0, -1.0, 0.0, x, y + before],
    };
    let [red, green, blue] = rgb(lettering.colour);
    let glyphs: Vec<u8> = text.chars().flat_map(|c| font::glyph(c).to_be_bytes()).collect();
    content.set_fill_rgb(red, green, blue).begin_text().set_font(ON_PAGE, single(size));
    content.set_text_matrix(matrix.map(single)).show(Str(&glyphs)).end_text();
}

/// The font, with the widths of the glyphs that the texts have and what characters these are.
fn embed(pdf: &mut Pdf, shapes: &[Shape]) -> std::io::Result<()> {
    let texts = shapes.iter().filter_map(|shape| if let Shape::Text { text, .. } = shape { Some(text) } else { None });
    let characters: BTreeMap<u16, char> = texts.flat_map(|text| text.chars()).map(|c| (font::glyph(c), c)).collect();
    pdf.type0_font(COMPOSITE)
        .base_font(FONT)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(GLYPHS)
        .to_unicode(UNICODE);
    let mut glyphs = pdf.cid_font(GLYPHS);
    glyphs.subtype(CidFontType::Type2).base_font(FONT).system_info(IDENTITY).font_descriptor(DESCRIPTOR);
    glyphs.cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = glyphs.widths();
    for (&glyph, &c) in &characters {
        widths.consecutive(glyph, [single(text_width(c.encode_utf8(&mut [0; 4]), 1000.0))]);
    }
    widths.finish();
    glyphs.finish();
    let font::Extent { ascent, descent, widest } = font::extent(1000.0);
    pdf.font_descriptor(DESCRIPTOR)
        .name(FONT)
        .flags(FontFlags::NON_SYMBOLIC)
        .bbox(Rect::new(-single(widest), single(descent), single(widest), single(ascent)))
        .italic_angle(0.0)
        .ascent(single(ascent))
        .descent(single(descent))
        .cap_height(single(0.729 * 1000.0))
        .stem_v(80.0)
        .font_file2(PROGRAM);
    pdf.stream(PROGRAM, &compressed(font::BYTES)?)
        .filter(Filter::FlateDecode)
        .pair(Name(b"Length1"), font::BYTES.len() as i32);
    let mut unicode = UnicodeCmap::new(Name(b"Unicode"), IDENTITY);
    characters.iter().for_each(|(&glyph, &c)| unicode.pair(glyph, c));
    pdf.cmap(UNICODE, &unicode.finish());
    Ok(())
}

fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn place((x, y): Place) -> (f32, f32) {
    (x as f32, y as f32)
}

fn rgb((red, green, blue): Rgb) -> [f32; 3] {
    [red, green, blue].map(|part| f32::from(part) / 255.0)
}

/// Numbers of a PDF are single.
fn single(value: f64) -> f32 {
    value as f32
}
