//! Plots in files, in the format that the name asks for.

use std::path::Path;

use crate::PlotError;
use crate::pdf::pdf;
use crate::picture::Picture;
use crate::raster::png;
use crate::svg::svg;

/// Draws and writes a picture; a PNG with so many pixels per logical pixel and direction.
pub(crate) fn write(
    path: &Path,
    pixel_ratio: u32,
    drawn: impl FnOnce() -> Result<Picture, PlotError>,
) -> Result<(), PlotError> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = match extension.to_ascii_lowercase().as_str() {
        "png" => png(&drawn()?, pixel_ratio).map_err(|error| PlotError::Draw { reason: error.to_string() })?,
        "svg" => svg(&drawn()?).into_bytes(),
        "pdf" => pdf(&drawn()?).map_err(|error| PlotError::Draw { reason: error.to_string() })?,
        _ => return Err(PlotError::Format { path: path.to_owned(), extension }),
    };
    Ok(imnn_io::atomic::write(path, &bytes)?)
}

/// Refuses sizes out of their ranges.
pub(crate) fn check_size(width: u32, height: u32, pixel_ratio: u32) -> Result<(), PlotError> {
    for (what, found, least, most) in
        [("width", width, 500, 5000), ("height", height, 400, 5000), ("pixel_ratio", pixel_ratio, 1, 4)]
    {
        if !(least..=most).contains(&found) {
            return Err(PlotError::Size { what, found, least, most });
        }
    }
    Ok(())
}
