//! Tables of numbers as text.

use crate::check::{check_array, file, rows, same, text};
use crate::target::Answer;
use imnn::data::{ArrayPath, arrays};
use imnn::ndarray::{ArrayD, Axis};

/// What tables are written with.
pub(super) const WORDS: &[&str] = &[
    "# k [h/Mpc] P(k)\n",
    "k,P(k)\n",
    "% ",
    "! ",
    ", ",
    ";",
    "\t",
    "\r\n",
    "\r",
    "\u{feff}",
    "nan",
    "-inf",
    "1.0D+05",
    "0.25-103",
    "1e-400",
    "1e400",
    "********",
    "1,5",
    "\"",
    "0x1p3",
    "\0",
];

/// A column alone has the numbers that it has in the whole; single precision is double precision rounded.
pub(super) fn table(data: &[u8]) -> Answer {
    let path = file("x.txt", data);
    let (shape, values) = rows(&path.clone().into(), data.len())?;
    let Some(values) = values else { return Ok("large".into()) };
    let array = ArrayD::from_shape_vec(shape.clone(), values);
    let array = array.unwrap_or_else(|error| panic!("not the shape that it says: {error}"));
    assert!(!array.is_empty(), "a table without numbers");
    check_array(&array);
    if let [_, n] = shape[..] {
        let at = crc32c::crc32c(data) as usize % n;
        let column = arrays::read::<f64>(&ArrayPath::with_key(&path, at.to_string()));
        let column = column.unwrap_or_else(|error| panic!("column {at} is refused: {error}"));
        assert!(same(&column, array.index_axis(Axis(1), at)), "other numbers in column {at}");
        let none = arrays::read::<f64>(&ArrayPath::with_key(&path, n.to_string()));
        assert!(none.is_err_and(|error| text(error).contains("has no column")), "a column behind the last");
    }
    if let Ok(single) = arrays::read::<f32>(&path.into()) {
        let rounded = single.iter().zip(&array).all(|(single, &double)| {
            single.to_bits() == (double as f32).to_bits() || (single.is_nan() && double.is_nan())
        });
        assert!(rounded, "single precision is not double precision rounded");
    }
    Ok(format!("{} axes", shape.len()))
}

/// Tables as programs write them.
pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let tables = [
        ("spectrum.txt", "# k [h/Mpc]   P(k)\n1.0E-02 1.5D+04\n2.0E-02 -0.25-103\n\n3.0E-02 nan # a comment\n"),
        ("header.csv", "k,P(k),error\n0.1,2,3\n0.2,inf,5\n"),
        ("semicolons.csv", "\"k\";\"P\"\r\n0.1;2\r\n0.2;-3e5\r\n"),
        ("tabs.tsv", "1\t2\t3\n4\t5\t6\n"),
        ("column.dat", "% one column\n1\n2.5\n-3\n"),
        ("row.txt", "1 2 3 4 5 6 7 8\n"),
    ];
    tables.map(|(name, text)| ("text_table", name.to_owned(), text.as_bytes().to_vec())).to_vec()
}
