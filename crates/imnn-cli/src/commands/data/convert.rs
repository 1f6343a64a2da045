//! `imnn data convert`: an array in another kind of file.

use imnn::data::{Conversion, Converted, Element, Meaning, arrays};
use imnn::io::text::tuple;
use serde_json::{Value, json};

use super::arguments::{ConvertArguments, Dtype, Layout};
use crate::CliError;
use crate::output::json_line;

pub(super) fn convert(arguments: &ConvertArguments) -> Result<String, CliError> {
    let conversion = Conversion {
        element: arguments.dtype.map(|dtype| match dtype {
            Dtype::F32 => Element::F32,
            Dtype::F64 => Element::F64,
        }),
        input_shape: arguments.input_shape.clone(),
        meaning: arguments.layout.map(|layout| match layout {
            Layout::Fiducial => Meaning::Fiducial,
            Layout::Exact => Meaning::Exact,
            Layout::Numerical => Meaning::Numerical,
        }),
        gzip: arguments.gzip,
        chunk: arguments.chunk,
        replace: arguments.force,
        verify: !arguments.no_verify,
        ..Conversion::default()
    };
    let (from, to) = (&arguments.from, &arguments.to);
    let is_archive = |file: &std::path::Path| file.extension().is_some_and(|extension| extension == "npz");
    let whole = is_archive(from.file()) && from.key().is_none() && is_archive(to.file()) && to.key().is_none();
    let done = if whole && arrays::keys(from.file())?.len() != 1 {
        conversion.run_archive(from, to)?
    } else {
        vec![conversion.run(from, to)?]
    };
    if arguments.json {
        return Ok(json_line(&Value::Array(done.iter().map(as_json).collect())));
    }
    Ok(done.iter().map(line).collect())
}

fn name(element: Element) -> &'static str {
    match element {
        Element::F32 => "float32",
        Element::F64 => "float64",
    }
}

fn as_json(of: &Converted) -> Value {
    json!({
        "from": of.from.to_string(), "to": of.to.to_string(), "shape": of.shape, "dtype": name(of.element),
        "compared": of.compared,
    })
}

fn line(of: &Converted) -> String {
    let compared = if of.compared { "reads back the same" } else { "not compared" };
    format!("{}: {} of {}, {compared}\n", of.to, tuple(&of.shape), name(of.element))
}
