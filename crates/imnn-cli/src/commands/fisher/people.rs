//! What `imnn fisher` prints for people: F with its errors, what it is worth, and then the numbers as they are.

use imnn::stats::{Added, FisherEstimate, Measured, Part, Record};
use ndarray::{Array1, Axis};

use super::Found;
use crate::output::{Table, folded, item, measured, number};

/// More summaries than that have a covariance that nobody reads.
const MOST_SUMMARIES: usize = 30;

/// Which simulations were left out.
fn left_out_text([simulations, derivatives]: &[Vec<usize>; 2]) -> String {
    let named = |what: &str, rows: &[usize]| match rows {
        [] => format!("no {what}"),
        rows => {
            let all: Vec<String> = rows.iter().take(12).map(usize::to_string).collect();
            let more = if rows.len() > 12 { ", ..." } else { "" };
            format!("{} {what} (rows {}{more})", rows.len(), all.join(", "))
        }
    };
    format!(
        "left out, as they are not finite: {}, {}\n\n",
        named("simulations", simulations),
        named("derivatives", derivatives)
    )
}

pub(super) fn text(found: &Found, width: usize) -> String {
    let Found { evaluation, estimate, alpha, left_out, added } = found;
    let s = &evaluation.statistics;
    let (n_summaries, n_params) = (s.n_summaries(), s.n_params());
    let mut text = format!(
        "{} simulations, {} with derivatives; {n_summaries} summaries, {n_params} parameters\n\n",
        estimate.n_s, estimate.n_d
    );
    if let Some(left_out) = left_out {
        text.push_str(&left_out_text(left_out));
    }
    text.push_str("Fisher information without bias, with errors\n");
    text.push_str(&estimate.shown(&[], None, width));
    text.push_str("\nWhat F is worth\n");
    estimate.verdicts().iter().for_each(|verdict| text.push_str(&item(&verdict.to_string(), width)));
    text.push_str(&convergence(estimate));
    text.push_str(&bounds(estimate, width));

    if let Some(added) = added {
        text.push_str(&added_text(added, width));
    }

    text.push_str("\nThe numbers as they are, without corrections (raw)\n\n");
    let scalars =
        [("det F", s.det_f), ("ln det F", s.log_det_f), ("loss", evaluation.value), ("alpha", *alpha)].into_iter();
    // The rest has the names of history.npz; det F, its first, is above.
    let recorded = Record::NAMES.into_iter().zip(evaluation.record.to_array()).skip(1);
    let table = Table::default();
    let table = scalars.chain(recorded).fold(table, |table, (name, value)| table.row([name.to_owned(), number(value)]));
    text.push_str(&format!("{table}\n"));
    let row = |values: &Array1<f64>| values.clone().insert_axis(Axis(0));
    let small = n_summaries <= MOST_SUMMARIES;
    for (title, values, shown) in [
        ("raw F: dmu^T C^-1 dmu (parameters x parameters)", s.f.view(), true),
        ("raw F^-1: covariance of the estimates", s.inv_f.view(), true),
        ("raw standard errors: sqrt diag F^-1", row(&s.errors()).view(), true),
        ("C: covariance of the summaries", s.c.view(), small),
        ("C^-1", s.inv_c.view(), small),
        ("mu: mean of the summaries", row(&s.mu).view(), true),
        ("dmu/dtheta (summaries x parameters)", s.dmu_dtheta.view(), true),
    ] {
        text.push_str(&match shown {
            true => folded(title, values, width),
            false => format!("{title}: {n_summaries} x {n_summaries} numbers, which --json prints\n"),
        });
        text.push('\n');
    }
    if *alpha < 0.0 {
        text.push_str(
            "note: alpha is negative, so that r falls to 0 far from C = I and does not hold the covariance there;\n      \
             choose lambda and epsilon with epsilon (lambda - 1) + epsilon^2 / (1 + epsilon) < 1\n\n",
        );
    }
    text.pop();
    text
}

/// What the summaries add to those that were given.
fn added_text(added: &Added, width: usize) -> String {
    let Added { given, both, raw, f, .. } = added;
    let mut text = format!(
        "\nThe {} given summaries alone, without bias, with errors\n{}\nBoth together\n{}\n",
        given.n_summaries,
        given.shown(&[], None, width),
        both.shown(&[], None, width)
    );
    if let Some(f) = f {
        text.push_str(&folded("F that the summaries add to the given ones: F(both) - F(given)", f.view(), width));
    }
    text + &folded("the same as it is (raw): V S^-1 V^T", raw.view(), width)
}

/// The estimators of Coulton & Wandelt, where the derivatives have noise.
fn bounds(estimate: &FisherEstimate, width: usize) -> String {
    let (Some(noise), Some(compressed), Some(factor)) = (&estimate.noise, &estimate.compressed, estimate.hartlap)
    else {
        return String::new();
    };
    if (noise / &estimate.raw).diag().iter().all(|share| share.abs() < 1e-6) {
        return String::new();
    }
    let standard = &estimate.raw * factor;
    let combined = estimate.combined.as_ref().map(|f| ("combined F: their geometric mean", f));
    [("standard F: too large by the noise", &standard), ("compressed F: too small by it", compressed)]
        .into_iter()
        .chain(combined)
        .map(|(title, f)| format!("\n{}", folded(title, f.view(), width)))
        .collect()
}

/// F of parts beside F of all.
fn convergence(estimate: &FisherEstimate) -> String {
    let convergence = &estimate.convergence;
    if convergence.derivatives.is_empty() && convergence.simulations.is_empty() {
        return String::new();
    }
    let percent = |Measured { value, error }| match value.abs().max(error) < 1e-6 {
        true => "0 %".to_owned(),
        false => format!("{} %", measured(Measured { value: 100.0 * value, error: 100.0 * error })),
    };
    let row = |table: Table, what: &str, part: &Part| {
        table.row([format!("  1/{} of the {what}, {} rows", part.parts, part.rows), percent(part.change)])
    };
    let table = convergence.derivatives.iter().fold(Table::default(), |table, part| row(table, "derivatives", part));
    let table = convergence.simulations.iter().fold(table, |table, part| row(table, "simulations", part));
    format!("\nF with fewer rows, relative to all (with all noise)\n{table}")
}
