//! The classifier two-sample test of two npy files: `cargo run --release -p imnn-c2st --example c2st -- reference.npy
//! samples.npy [starts]`. `sklearn_c2st.py` beside this makes it by scikit-learn, as sbibm does.

use imnn_c2st::{Settings, c2st};
use imnn_sim::Key;
use ndarray::Array2;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [reference, samples, ..] = &words[..] else { return Err("name two npy files".into()) };
    let (reference, samples): (Array2<f64>, Array2<f64>) =
        (ndarray_npy::read_npy(reference)?, ndarray_npy::read_npy(samples)?);
    let starts = words.get(2).map_or(Ok(4), |word| word.parse())?;
    let start = Instant::now();
    let score = c2st(reference.view(), samples.view(), &Settings { starts, ..Settings::default() }, Key::new(0))?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.4}, starts {:.4?}, at most {} epochs, {seconds:.1} s", score.accuracy, score.starts, score.epochs);
    Ok(())
}
