//! Whether simulations below, above and at the fiducial belong together, parameter by parameter.

use imnn_sim::Key;
use ndarray::Array2;

use super::between::{from_middle, place};
use super::derivative::signal;
use super::pairs::{Pairing, Verdict};
use super::sample::Sample;
use super::{ParameterReport, Report, SetReport, Severity};
use imnn_data::{ArraySet, FilesKind};

pub(super) fn numerical(of: &mut SetReport, set: &ArraySet<f64>, sample: &Sample, report: &mut Report) {
    let label = set.derivative.label();
    let mut matched = true;
    for (a, sides) in sample.changes.iter().enumerate() {
        let [below, above] = &sides[..] else { continue };
        let mut parameter = ParameterReport { below_above: Pairing::of(below, above), ..ParameterReport::default() };
        matched &= same(label, a, below, above, sample, report);
        let what = format!("below/above of parameter {a}");
        if let Some(pairing) = &parameter.below_above {
            matched &= seeds(&what, label, pairing, sample, true, report);
        }
        let middle = (below + above) / 2.0;
        parameter.with_fiducial = Pairing::of(&sample.fiducial, &middle);
        let mut with_fiducial = false;
        if let Some(pairing) = &parameter.with_fiducial
            && matched
        {
            let what = format!("the fiducial simulations and those below/above of parameter {a}");
            with_fiducial =
                seeds(&what, label, pairing, sample, false, report) && pairing.verdict() == Verdict::Together;
        }
        let change = above - below;
        let found = signal(&middle, &change, Key::new(a as u64));
        parameter.signal = found.as_ref().map(|found| found.z);
        if let Some(found) = found.filter(|found| found.is_noise() && matched && change.iter().any(|&x| x != 0.0)) {
            noise(of.name, a, label, found.z, sample, report);
        }
        if with_fiducial && let Some((at, rest)) = place(&sample.fiducial, below, above) {
            parameter.place = Some(at);
            lies_between(a, label, (at, rest), &set.kind, report);
        }
        of.parameters.push(parameter);
    }
    if matched {
        axes(label, sample, report);
        widths(of, label, sample, report);
    }
}

pub(super) fn exact(of: &mut SetReport, set: &ArraySet<f64>, sample: &Sample, report: &mut Report) {
    let label = set.derivative.label();
    for (a, change) in sample.changes.iter().enumerate() {
        let Some(change) = change.first() else { continue };
        // Derivatives need not be like the simulations, so that this tells nothing where they are not.
        let with_fiducial = Pairing::of(&sample.fiducial, change);
        let mut parameter = ParameterReport { with_fiducial, ..ParameterReport::default() };
        if let Some(pairing) = &parameter.with_fiducial
            && !pairing.elsewhere.is_empty()
        {
            seeds(&format!("simulations and derivatives of parameter {a}"), label, pairing, sample, true, report);
        }
        if change.iter().all(|&value| value == 0.0) && change.nrows() > 0 {
            report.error(format!("{label}: all derivatives of parameter {a} looked at are zero; it changes nothing"));
        } else if let Some(found) = signal(&sample.fiducial, change, Key::new(a as u64)) {
            parameter.signal = Some(found.z);
            if found.is_noise() {
                noise(of.name, a, label, found.z, sample, report);
            }
        }
        of.parameters.push(parameter);
    }
}

/// Says what the pairs are; whether they may belong together.
fn seeds(what: &str, label: &str, of: &Pairing, sample: &Sample, needed: bool, report: &mut Report) -> bool {
    let numbers =
        format!("correlation {:.2}, of shuffled pairs {:.2} +- {:.2}", of.correlation, of.shuffled, of.scatter);
    let severity = if needed { Severity::Error } else { Severity::Warning };
    if let Some(&(i, j)) = of.elsewhere.first() {
        let (i, j) = (sample.rows[i], sample.rows[j]);
        let orders = format!("{what} are in different orders: row {i} of one belongs to row {j} of the other");
        report.add(severity, format!("{label}: {orders} ({numbers})"));
        return !needed;
    }
    match of.verdict() {
        Verdict::Strangers if needed => {
            report.error(format!(
                    "{label}: {what} are not seed-matched: {numbers}, expected near 1; use the same random seeds below and above, in the same order"
                ),
            );
            return false;
        }
        Verdict::Strangers => report.warn(format!("{label}: {what} are of different seeds ({numbers}); nothing needs them to be the same, but rows may be out of order"),
        ),
        Verdict::Loose => report.warn(format!("{label}: {what} have little in common ({numbers}); with the same random seeds and small steps expect it near 1"),
        ),
        Verdict::Open => report.note(format!("{label}: whether {what} are seed-matched cannot be told from {} rows ({numbers})", sample.rows.len()),
        ),
        Verdict::Together => {}
    }
    if let Some(&first) = of.strangers.first() {
        let (n, all, first) = (of.strangers.len(), sample.rows.len(), sample.rows[first]);
        report.add(severity, format!("{label}: {what}: {n} of {all} rows looked at have nothing in common, the first is row {first}, while the others match ({numbers})"));
        return !needed;
    }
    true
}

/// Refuses simulations that a parameter does not change.
fn same(label: &str, a: usize, below: &Array2<f64>, above: &Array2<f64>, sample: &Sample, report: &mut Report) -> bool {
    let n = below.nrows();
    let same: Vec<usize> = (0..n).filter(|&i| below.row(i) == above.row(i)).collect();
    let Some(&first) = same.first() else { return true };
    let row = sample.rows[first];
    let which = if same.len() == n { "all".to_owned() } else { format!("{} of", same.len()) };
    let message = format!(
        "{label}: below and above of parameter {a} are the same in {which} {n} rows looked at, as in row {row}: the parameter was not changed there"
    );
    // Of a simulation of whole numbers a small step may well change none.
    let whole = below.iter().all(|value| value.fract() == 0.0);
    let severity = match same.len() == n {
        false if whole => Severity::Note,
        false if below.ncols() < 16 => Severity::Warning,
        _ => Severity::Error,
    };
    report.add(severity, message);
    severity != Severity::Error
}

fn noise(name: &str, a: usize, label: &str, z: [f64; 2], sample: &Sample, report: &mut Report) {
    report.warn(format!(
            "{label}: the {name} derivative of parameter {a} is consistent with zero in {} rows: that of the mean is {:.1} standard errors from it, that of the mean square {:.1}; the parameter may have no effect, or the steps be too small against the noise",
            sample.rows.len(),
            z[0],
            z[1]
        ),
    );
}

/// What the fiducial differs by from the middle, in units of the change to below and above, where that is noise.
const UNSHARED: f64 = 1.1;

/// Compares where the fiducial lies with where it should.
fn lies_between(a: usize, label: &str, (at, rest): (f64, f64), kind: &FilesKind, report: &mut Report) {
    // Simulations that share all noise lie on a line, or go from one value to the other somewhere (counts): rest <= 1. Of
    // three that share none of what makes them differ, rest = sqrt(3).
    if rest > UNSHARED {
        report.warn(format!(
            "{label}: simulations at, below and above the fiducial in parameter {a} differ by noise of their own, more than by the \
             parameter ({rest:.2} times as much): draw all noise from the seed, the same at all parameters, or take larger steps"
        ));
    }
    // Where a simulation is far from linear between below and above, this says nothing.
    if rest > 1.0 {
        return;
    }
    let side = if at < 0.0 { "below" } else { "above" };
    if at.abs() > 1.5 {
        report.warn(format!("{label}: the fiducial simulations do not lie between those below and above of parameter {a}, but beyond those {side} (at {at:.2}, where below is -1 and above 1)"),
        );
    } else if at.abs() > 0.8 {
        let values = matches!(kind, FilesKind::Numerical(steps) if steps.theta().is_some());
        let known = if values { "; compare theta_fid with theta_below and theta_above" } else { "" };
        report.note(format!("{label}: the simulations {side} of parameter {a} are about those at the fiducial (at {at:.2}, where below is -1 and above 1): a one-sided difference{known}"),
        );
    }
}

/// Finds below/above and the parameters in exchanged axes, which shapes cannot tell where there are two parameters.
fn axes(label: &str, sample: &Sample, report: &mut Report) {
    let [first, second] = &sample.changes[..] else { return };
    let ([b0, a0], [b1, a1]) = (&first[..], &second[..]) else { return };
    let f = &sample.fiducial;
    // As they are read, and as they would be with the two axes exchanged.
    let as_read = [from_middle(f, b0, a0), from_middle(f, b1, a1)];
    let exchanged = [from_middle(f, b0, b1), from_middle(f, a0, a1)];
    if as_read.iter().zip(&exchanged).all(|(read, other)| *read > 4.0 * other) {
        report.error(format!("{label}: the axes of below/above and of the parameters look exchanged: the fiducial is in the middle of indices [:, 0, 0] and [:, 0, 1]; save np.swapaxes(x, 1, 2)"),
        );
    }
}

/// Compares the scatter of simulations below and above with that at the fiducial.
fn widths(of: &SetReport, label: &str, sample: &Sample, report: &mut Report) {
    let spread = |array: &Array2<f64>| super::pairs::centred(array.view()).mapv(|value| value * value).mean();
    let Some(fiducial) = spread(&sample.fiducial).filter(|&spread| spread > 0.0) else { return };
    for (a, sides) in sample.changes.iter().enumerate() {
        for (side, array) in ["below", "above"].iter().zip(sides) {
            let ratio = spread(array).unwrap_or(0.0) / fiducial;
            if !(0.1..=10.0).contains(&ratio) && sample.rows.len() >= 8 {
                report.warn(format!(
                        "{label}: the {} simulations {side} of parameter {a} scatter {:.2e} times as much as those at the fiducial: are they in the same units, and transformed alike?",
                        of.name,
                        ratio.sqrt()
                    ),
                );
            }
        }
    }
}
