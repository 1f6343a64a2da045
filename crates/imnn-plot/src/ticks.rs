//! Where ticks go, and how numbers are written.

/// A place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    /// The text beside it; minor ticks have none.
    pub(crate) label: Option<String>,
}

/// Ticks of a linear axis at round numbers, about `count` of them, and the power of ten by which their labels are divided.
pub(crate) fn linear(low: f64, high: f64, count: usize) -> (Vec<Tick>, i32) {
    let step = round_step((high - low) / count.max(1) as f64);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    let greatest = low.abs().max(high.abs());
    let power = if (1e-2..1e5).contains(&greatest) { 0 } else { greatest.log10().floor() as i32 };
    let unit = 10f64.powi(power);
    let decimals = (-(step / unit * 1.000_001).log10().floor()).max(0.0) as usize;
    // A step of 2.5 needs one digit more than its power of ten tells.
    let decimals = if fits(step / unit, decimals) { decimals } else { decimals + 1 };
    let ticks = (first..=last)
        .map(|k| k as f64 * step)
        .map(|value| Tick { value, label: Some(minus(&format!("{:.decimals$}", value / unit + 0.0))) })
        .collect();
    (ticks, power)
}

/// Ticks at whole numbers, with thin spaces between thousands.
pub(crate) fn whole(low: f64, high: f64, count: usize) -> Vec<Tick> {
    let step = round_step((high - low) / count.max(1) as f64).max(1.0);
    // Below ten, a step of 2.5 is not whole.
    let step = if step == 2.5 { 2.0 } else { step };
    let (first, last) = ((low / step).ceil().max(0.0) as u64, (high / step).floor().max(0.0) as u64);
    (first..=last).map(|k| k as f64 * step).map(|value| Tick { value, label: Some(grouped(value as u64)) }).collect()
}

/// Ticks of a logarithmic axis from `low` to `high` (both positive).
pub(crate) fn logarithmic(low: f64, high: f64, count: usize) -> Vec<Tick> {
    let (bottom, top) = (low.log10(), high.log10());
    let (first, last) = (bottom.ceil() as i32, top.floor() as i32);
    let decades = last - first + 1;
    if decades >= 3 || (decades == 2 && top - bottom > 2.0) {
        let step = (1..).find(|step| decades <= step * count.max(2) as i32).unwrap_or(1);
        let powers = || (first - 1..=last + 1).map(|k| (k, 10f64.powi(k)));
        let labelled = |k: i32| k.rem_euclid(step) == 0;
        let plain = powers().filter(|&(k, v)| labelled(k) && v >= low && v <= high).all(|(k, _)| (-3..=4).contains(&k));
        let mut ticks: Vec<Tick> = powers()
            .map(|(k, value)| {
                let text = || if plain { number(value) } else { format!("10{}", superscript(k)) };
                Tick { value, label: labelled(k).then(text) }
            })
            .collect();
        if step == 1 && decades <= 7 {
            ticks.extend(
                powers().flat_map(|(_, v)| (2..10).map(move |m| Tick { value: f64::from(m) * v, label: None })),
            );
        }
        ticks.retain(|tick| tick.value >= low && tick.value <= high);
        return ticks;
    }
    let fits = |value: &f64| *value >= low && *value <= high;
    let multiples = |set: &'static [u8]| {
        (first - 1..=last + 1).flat_map(move |k| set.iter().map(move |&m| f64::from(m) * 10f64.powi(k))).filter(fits)
    };
    let mut labelled: Vec<f64> = multiples(&[1, 2, 5]).collect();
    if labelled.len() < 3 {
        let step = round_step((high - low) / count.max(1) as f64);
        labelled = ((low / step).ceil() as i64..=(high / step).floor() as i64).map(|k| k as f64 * step).collect();
        return labelled.into_iter().map(|value| Tick { value, label: Some(number(value)) }).collect();
    }
    let minor = multiples(&[3, 4, 6, 7, 8, 9]).map(|value| Tick { value, label: None });
    labelled.iter().map(|&value| Tick { value, label: Some(number(value)) }).chain(minor).collect()
}

/// A number for people: at most four digits, as a power of ten when it is very large or small.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.3e}");
    let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    if (-3..5).contains(&power) {
        return minus(&trimmed(&format!("{value:.*}", (3 - power).max(0) as usize)));
    }
    match trimmed(digits).as_str() {
        "1" => format!("10{}", superscript(power)),
        digits => format!("{}×10{}", minus(digits), superscript(power)),
    }
}

/// An integer in superscript figures.
pub(crate) fn superscript(power: i32) -> String {
    power
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
        })
        .collect()
}

/// A whole number with thin spaces between groups of three digits, from five digits on.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(c);
    }
    text
}

/// The least of 1, 2, 2.5 and 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    if !(step.is_finite() && step > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(step.log10().floor());
    let share = step / power * (1.0 - 1e-9);
    [1.0, 2.0, 2.5, 5.0].into_iter().find(|&m| share <= m).unwrap_or(10.0) * power
}

fn fits(step: f64, decimals: usize) -> bool {
    let scaled = step * 10f64.powi(decimals as i32);
    (scaled - scaled.round()).abs() < 1e-6
}

fn trimmed(digits: &str) -> String {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.').to_owned() } else { digits.to_owned() }
}

fn minus(text: &str) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().filter_map(|tick| tick.label.as_deref()).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(&linear(0.0, 52.0, 5).0), ["0", "20", "40"]);
        assert_eq!(labels(&linear(0.0, 10.5, 5).0), ["0.0", "2.5", "5.0", "7.5", "10.0"]);
        assert_eq!(labels(&linear(-1.0, 1.0, 4).0), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
        let (ticks, power) = linear(0.0, 1.8e7, 4);
        assert_eq!((labels(&ticks), power), (vec!["0.0", "0.5", "1.0", "1.5"], 7));
        let (ticks, power) = linear(0.0, 3e-5, 3);
        assert_eq!((labels(&ticks), power), (vec!["0", "1", "2", "3"], -5));
    }

    #[test]
    fn whole_ticks_are_whole() {
        assert_eq!(labels(&whole(0.0, 3.0, 8)), ["0", "1", "2", "3"]);
        assert_eq!(labels(&whole(0.0, 14.0, 6)), ["0", "2", "4", "6", "8", "10", "12", "14"]);
        assert_eq!(labels(&whole(0.0, 100_000.0, 5))[1..3], ["20\u{2009}000", "40\u{2009}000"]);
        assert_eq!(labels(&whole(-0.5, 0.5, 8)), ["0"]);
    }

    #[test]
    fn logarithmic_ticks_suit_their_span() {
        assert_eq!(labels(&logarithmic(0.5, 2000.0, 6)), ["1", "10", "100", "1000"]);
        assert_eq!(labels(&logarithmic(1e-8, 1e2, 6)), ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "10⁰", "10²"]);
        assert_eq!(labels(&logarithmic(0.8, 12.0, 6)), ["1", "2", "5", "10"]);
        assert_eq!(labels(&logarithmic(0.7, 1.45, 4)), ["0.8", "1", "1.2", "1.4"]);
        assert_eq!(labels(&logarithmic(1.1e7, 2.3e7, 4)), ["1.5×10⁷", "2×10⁷"]);
        for (low, high) in [(1e-250, 1e250), (1e-12, 1.0), (3.0, 31.0), (9.9, 1001.0), (4.0, 4.1)] {
            let ticks = logarithmic(low, high, 6);
            let n_labels = labels(&ticks).len();
            assert!((2..=8).contains(&n_labels), "{low} to {high}: {:?}", labels(&ticks));
            assert!(ticks.iter().all(|tick| tick.value >= low && tick.value <= high));
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (50.0, "50"),
            (49.996, "50"),
            (0.001_234_56, "0.001235"),
            (-3.25, "−3.25"),
            (99_990.0, "99990"),
            (1e7, "10⁷"),
            (17_449_217.9, "1.745×10⁷"),
            (-2.5e-9, "−2.5×10⁻⁹"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
