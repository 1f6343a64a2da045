//! npy files.

use crate::check::{check_array, file, rows, same, text};
use crate::target::Answer;
use imnn::io::npy::{Header, Reader};
use imnn::ndarray::Axis;

pub(super) const WORDS: &[&str] = &[
    "'descr': ",
    "'fortran_order': True",
    "'shape': (",
    "'<f8'",
    "'>f4'",
    "'<f2'",
    "'|b1'",
    "'>i8'",
    "'|u1'",
    "'<c16'",
    "(0, ",
    "(1,)",
    "()",
    "[('a', '<f8')]",
    "4294967296",
    "18446744073709551615",
    "-1",
    "12L",
    "\\x",
    "((((",
    "}",
    "\u{93}NUMPY",
];

/// From memory and as a file by rows: both read the same.
pub(super) fn npy(data: &[u8]) -> Answer {
    let reader = || Reader::new(data, data.len() as u64);
    let whole = reader().read::<f64>(None).map_err(text);
    // Files take longer than all the rest: of inputs that are refused a few have to do.
    let by_rows = (whole.is_ok() || crc32c::crc32c(data).is_multiple_of(8))
        .then(|| rows(&file("x.npy", data).into(), data.len() * 8));
    let array = whole?;
    let header = Header::read(&mut &data[..]).map_err(text)?;
    assert_eq!(array.shape(), header.shape, "another shape than that of the header");
    assert_eq!(array.len(), header.len, "another number of elements than that of the header");
    check_array(&array);
    if array.ndim() > 0 {
        let first = reader().read::<f64>(Some(1)).unwrap_or_else(|error| panic!("its first row is refused: {error}"));
        let n = array.len_of(Axis(0)).min(1);
        assert!(same(&first, array.slice_axis(Axis(0), (0..n).into())), "another first row");
    }
    if let Some(Ok((shape, Some(values)))) = by_rows {
        assert_eq!(shape, array.shape(), "another shape by rows");
        assert!(same(&values, &array), "other numbers by rows");
    }
    if let Ok(single) = reader().read::<f32>(None) {
        let rounded = single.iter().zip(&array).all(|(single, &double)| {
            single.to_bits() == (double as f32).to_bits() || (single.is_nan() && double.is_nan())
        });
        assert!(rounded, "single precision is not double precision rounded");
    }
    Ok(format!("{} {} axes", header.descr, "i".repeat(header.shape.len().min(5))))
}
