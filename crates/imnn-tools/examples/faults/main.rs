//! Faults put into good data of five kinds, and how many of them the checks before training find; and how often the checks
//! doubt good data.
//!
//! ```sh
//! cargo run --release -p imnn-tools --example faults          # 20 sets for each fault and problem, 200 sound ones
//! cargo run --release -p imnn-tools --example faults 20 200 7      # others, of another seed
//! ```

mod inject;
mod problems;
mod sets;
mod trials;

use imnn_sim::Key;

use inject::FAULTS;
use problems::PROBLEMS;
use trials::{Counts, false_alarms, injected, two};

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let (n, sound) = (numbers.first().copied().unwrap_or(20), numbers.get(1).copied().unwrap_or(200));
    let of_seed = |number: u64| match numbers.get(2) {
        Some(&seed) => Key::new(number).fold_in(seed as u64),
        None => Key::new(number),
    };
    let heads: Vec<&str> = PROBLEMS.iter().map(|problem| problem.name()).collect();
    println!("| fault, {n} sets each: found (refused) | {} |", heads.join(" | "));
    println!("| --- |{}", " ---: |".repeat(PROBLEMS.len()));
    let cell = |of: Counts| format!("{} ({})", of.said, of.refused);
    let mut all = Counts::default();
    let mut row = |name: &str, of: &dyn Fn(usize) -> Counts| {
        let counts: Vec<Counts> = (0..PROBLEMS.len()).map(of).collect();
        for of in &counts {
            all.all += of.all;
            all.said += of.said;
            all.refused += of.refused;
        }
        println!("| {name} | {} |", counts.into_iter().map(cell).collect::<Vec<_>>().join(" | "));
    };
    for (f, fault) in FAULTS.iter().enumerate() {
        row(fault.name(), &|p| injected(&[*fault], PROBLEMS[p], n, of_seed(1).fold_in((100 * f + p) as u64)));
    }
    row("two of these", &|p| {
        let mut counts = Counts::default();
        for k in 0..n as u64 {
            let key = of_seed(2).fold_in(1000 * p as u64 + k);
            let one = injected(&two(key), PROBLEMS[p], 1, key);
            counts.all += one.all;
            counts.said += one.said;
            counts.refused += one.refused;
        }
        counts
    });
    println!("\nfound {} of {}, {} of them refused", all.said, all.all, all.refused);
    let (counts, said) = false_alarms(sound, of_seed(3));
    println!("{} sound sets: {} refused, {} doubted", counts.all, counts.refused, counts.said - counts.refused);
    said.iter().for_each(|finding| println!("  {finding}"));
}
