//! An optimiser as a run file describes it.

use super::{Adam, AdamW, Clip, Optimiser, OptimiserState, RmsProp, Schedule, Sgd};
use crate::description::{Fields, array, found, number, refuse, size, suggestion};
use crate::error::{ModelError, Result};
use imnn_sim::Real;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use toml::{Table, Value};

/// An optimiser of the built-in ones with its settings, as in a run file:
///
/// ```toml
/// [optimiser]
/// adam = { schedule = { cosine = { start = 3e-3, iterations = 3000 } } }
/// clip_norm = 1.0
/// ```
///
/// | Name | Settings beside `learning_rate` or `schedule` |
/// | --- | --- |
/// | `adam` | `beta1`, `beta2`, `epsilon` |
/// | `adamw` | the same and `weight_decay` |
/// | `sgd` | `momentum`, `nesterov` |
/// | `rmsprop` | `decay`, `epsilon` |
///
/// Schedules: `cosine = { start, iterations, end = 0 }`, `exponential = { start, factor, iterations }`,
/// `piecewise = { rates, at }`, `steps = { start, factor, at }`, `warm_up = { iterations, then }`, where `then` is a number
/// or a schedule; see [`Schedule`].
///
/// ```
/// use imnn_models::OptimiserConfig;
/// let config: OptimiserConfig = toml::from_str("sgd = { learning_rate = 0.1, momentum = 0.9 }")?;
/// let error = toml::from_str::<OptimiserConfig>("adm = { learning_rate = 0.1 }").unwrap_err();
/// assert!(error.to_string().contains("did you mean \"adam\"?"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OptimiserConfig {
    method: Method,
    clip: Option<Clip>,
}

/// The built-in optimisers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// `adam`.
    Adam(Adam),
    /// `adamw`.
    AdamW(AdamW),
    /// `sgd`.
    Sgd(Sgd),
    /// `rmsprop`.
    RmsProp(RmsProp),
}

impl Default for OptimiserConfig {
    /// Adam with a learning rate of 1e-3 and no limit on the gradient.
    fn default() -> Self {
        Adam::default().into()
    }
}

impl OptimiserConfig {
    /// With a limit on the gradient.
    ///
    /// # Errors
    /// If the limit is not positive and finite.
    pub fn clip(mut self, clip: Clip) -> Result<Self> {
        self.clip = Some(clip.checked()?);
        Ok(self)
    }

    /// The optimiser.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The numbers that update `iteration` of a weight needs beside gradient and state, as the optimiser itself rounds them;
    /// there are as many in every iteration:
    ///
    /// | Method | Numbers |
    /// | --- | --- |
    /// | `adam`, `adamw` | `1 - b1, 1 - b2, b1, b2, rate / (1 - b1^(i+1)), 1 / (1 - b2^(i+1)), eps, rate decay` |
    /// | `sgd` | `rate, momentum` |
    /// | `rmsprop` | `rate, 1 - decay, decay, eps` |
    pub fn coefficients<E: Real>(&self, iteration: u64) -> Vec<E> {
        match &self.method {
            Method::Adam(adam) => adam.coefficients(iteration, 0.0).to_vec(),
            Method::AdamW(adamw) => adamw.adam().coefficients(iteration, adamw.decay()).to_vec(),
            Method::Sgd(sgd) => sgd.coefficients(iteration).to_vec(),
            Method::RmsProp(rms_prop) => rms_prop.coefficients(iteration).to_vec(),
        }
    }

    /// The limit on the gradient, if there is one.
    pub fn clipping(&self) -> Option<Clip> {
        self.clip
    }

    /// Reads the table `[optimiser]` of a run file.
    ///
    /// # Errors
    /// [`ModelError::Description`] saying where, what was found, and what to write.
    pub fn from_toml(value: &Value) -> Result<Self> {
        let fields = Fields::new(ROOT, value, &KEYS)?;
        let methods: Vec<&str> = METHODS.into_iter().filter(|name| fields.get(name).is_some()).collect();
        let method = match methods[..] {
            [name] => read_method(name, &fields)?,
            [] => return refuse(ROOT, "it names no optimiser; write for instance adam = { learning_rate = 1e-3 }"),
            [first, second, ..] => return refuse(ROOT, format!("it names both {first} and {second}; keep one")),
        };
        let clip = match (fields.get("clip_norm"), fields.get("clip_value")) {
            (Some(_), Some(_)) => return refuse(ROOT, "it has both clip_norm and clip_value; keep one"),
            (Some(limit), None) => Some(Clip::Norm(number(&fields.at("clip_norm"), limit)?)),
            (None, Some(limit)) => Some(Clip::Value(number(&fields.at("clip_value"), limit)?)),
            (None, None) => None,
        };
        let clip = clip.map(|clip| clip.checked().or_else(|error| at(ROOT, error))).transpose()?;
        Ok(OptimiserConfig { method, clip })
    }

    /// The table that [`OptimiserConfig::from_toml`] reads.
    pub fn to_toml(&self) -> Value {
        let mut table = Table::new();
        let (name, settings) = match &self.method {
            Method::Adam(adam) => ("adam", adam_settings(adam)),
            Method::AdamW(adamw) => {
                let mut settings = adam_settings(adamw.adam());
                settings.insert("weight_decay".into(), adamw.decay().into());
                ("adamw", settings)
            }
            Method::Sgd(sgd) => {
                let mut settings = rate(sgd.learning_rate());
                let (momentum, nesterov) = sgd.constants();
                settings.insert("momentum".into(), momentum.into());
                settings.insert("nesterov".into(), nesterov.into());
                ("sgd", settings)
            }
            Method::RmsProp(rms_prop) => {
                let mut settings = rate(rms_prop.learning_rate());
                let (decay, epsilon) = rms_prop.constants();
                settings.insert("decay".into(), decay.into());
                settings.insert("epsilon".into(), epsilon.into());
                ("rmsprop", settings)
            }
        };
        table.insert(name.into(), settings.into());
        match self.clip {
            Some(Clip::Norm(limit)) => table.insert("clip_norm".into(), limit.into()),
            Some(Clip::Value(limit)) => table.insert("clip_value".into(), limit.into()),
            None => None,
        };
        table.into()
    }
}

macro_rules! methods {
    ($($variant:ident),*) => {
        $(impl From<$variant> for OptimiserConfig {
            fn from(method: $variant) -> Self {
                OptimiserConfig { method: Method::$variant(method), clip: None }
            }
        })*

        impl OptimiserConfig {
            fn inner<E: Real>(&self) -> &dyn Optimiser<E> {
                match &self.method {
                    $(Method::$variant(method) => method,)*
                }
            }
        }
    };
}

methods!(Adam, AdamW, Sgd, RmsProp);

impl<E: Real> Optimiser<E> for OptimiserConfig {
    fn config(&self) -> Option<OptimiserConfig> {
        Some(self.clone())
    }

    fn name(&self) -> &str {
        self.inner::<E>().name()
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        self.inner().initialise(n)
    }

    fn update(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        match self.clip {
            Some(clip) => self.inner().update(iteration, &clip.apply(gradient), state, parameters),
            None => self.inner().update(iteration, gradient, state, parameters),
        }
    }
}

impl Serialize for OptimiserConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_toml().serialize(serializer).map_err(ser::Error::custom)
    }
}

impl<'de> Deserialize<'de> for OptimiserConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_toml(&Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

const ROOT: &str = "optimiser";
const METHODS: [&str; 4] = ["adam", "adamw", "sgd", "rmsprop"];
const KEYS: [&str; 6] = ["adam", "adamw", "sgd", "rmsprop", "clip_norm", "clip_value"];
const SCHEDULES: [&str; 5] = ["cosine", "exponential", "piecewise", "steps", "warm_up"];
/// Deeper tables than any schedule has are refused before they exhaust the stack.
const MAX_DEPTH: usize = 10;

fn read_method(name: &str, fields: &Fields<'_>) -> Result<Method> {
    let location = fields.at(name);
    let value = fields.require(name, "{ learning_rate = 1e-3 }")?;
    let known: &[&str] = match name {
        "adam" => &["learning_rate", "schedule", "beta1", "beta2", "epsilon"],
        "adamw" => &["learning_rate", "schedule", "beta1", "beta2", "epsilon", "weight_decay"],
        "sgd" => &["learning_rate", "schedule", "momentum", "nesterov"],
        _ => &["learning_rate", "schedule", "decay", "epsilon"],
    };
    let fields = Fields::new(location.clone(), value, known)?;
    let rate = match (fields.get("learning_rate"), fields.get("schedule")) {
        (Some(_), Some(_)) => return refuse(&location, "it has both learning_rate and schedule; keep one"),
        (Some(rate), None) => number(&fields.at("learning_rate"), rate)?.into(),
        (None, Some(schedule)) => read_schedule(&fields.at("schedule"), schedule, 0)?,
        (None, None) => Adam::default().learning_rate().clone(),
    };
    let adam = |rate: Schedule| -> Result<Adam> {
        Adam::new(rate)?
            .beta1(fields.number_or("beta1", 0.9)?)?
            .beta2(fields.number_or("beta2", 0.999)?)?
            .epsilon(fields.number_or("epsilon", 1e-8)?)
    };
    let build = || -> Result<Method> {
        Ok(match name {
            "adam" => Method::Adam(adam(rate)?),
            "adamw" => {
                let decay = fields.number_or("weight_decay", 0.01)?;
                Method::AdamW(AdamW::from(adam(rate)?).weight_decay(decay)?)
            }
            "sgd" => {
                let sgd = Sgd::new(rate)?.momentum(fields.number_or("momentum", 0.0)?)?;
                Method::Sgd(sgd.nesterov(fields.flag_or("nesterov", false)?))
            }
            _ => {
                let rms_prop = RmsProp::new(rate)?.decay(fields.number_or("decay", 0.9)?)?;
                Method::RmsProp(rms_prop.epsilon(fields.number_or("epsilon", 1e-8)?)?)
            }
        })
    };
    build().or_else(|error| at(&location, error))
}

/// Says where a setting that is out of range stands.
fn at<T>(location: &str, error: ModelError) -> Result<T> {
    match error {
        ModelError::Setting { .. } => refuse(location, error.to_string()),
        other => Err(other),
    }
}

fn read_schedule(location: &str, value: &Value, depth: usize) -> Result<Schedule> {
    if depth > MAX_DEPTH {
        return refuse(location, "schedules are nested too deeply");
    }
    if let Value::Integer(_) | Value::Float(_) = value {
        return Ok(number(location, value)?.into());
    }
    let example = "write for instance { cosine = { start = 3e-3, iterations = 3000 } }";
    let Value::Table(table) = value else {
        return refuse(location, format!("expected a number or a schedule, found {}; {example}", found(value)));
    };
    let mut keys = table.iter();
    let (Some((name, settings)), None) = (keys.next(), keys.next()) else {
        return refuse(location, format!("expected one schedule, found {} keys; {example}", table.len()));
    };
    let inner = format!("{location}.{name}");
    let known: &[&str] = match name.as_str() {
        "cosine" => &["start", "iterations", "end"],
        "exponential" => &["start", "factor", "iterations"],
        "piecewise" => &["rates", "at"],
        "steps" => &["start", "factor", "at"],
        "warm_up" => &["iterations", "then"],
        other => return refuse(location, format!("unknown schedule {other:?}{}", suggestion(other, &SCHEDULES))),
    };
    let fields = Fields::new(inner, settings, known)?;
    let start = || fields.number("start", "1e-3");
    let factor = || fields.number("factor", "0.1");
    let iterations =
        || -> Result<u64> { Ok(size(&fields.at("iterations"), fields.require("iterations", "1000")?)? as u64) };
    let steps = || {
        let read = |location: &str, value: &Value| Ok(size(location, value)? as u64);
        array(&fields.at("at"), fields.require("at", "[1000, 2000]")?, "iterations", read)
    };
    Ok(match name.as_str() {
        "cosine" => Schedule::Cosine { start: start()?, iterations: iterations()?, end: fields.number_or("end", 0.0)? },
        "exponential" => Schedule::Exponential { start: start()?, factor: factor()?, iterations: iterations()? },
        "piecewise" => {
            let rates = fields.require("rates", "[1e-3, 1e-4, 1e-5]")?;
            Schedule::Piecewise { rates: array(&fields.at("rates"), rates, "numbers", number)?, at: steps()? }
        }
        "steps" => Schedule::Steps { start: start()?, factor: factor()?, at: steps()? },
        _ => {
            let then = fields.require("then", "1e-3")?;
            let then = Box::new(read_schedule(&fields.at("then"), then, depth + 1)?);
            Schedule::WarmUp { iterations: iterations()?, then }
        }
    })
}

fn adam_settings(adam: &Adam) -> Table {
    let mut settings = rate(adam.learning_rate());
    let (beta1, beta2, epsilon) = adam.constants();
    settings.insert("beta1".into(), beta1.into());
    settings.insert("beta2".into(), beta2.into());
    settings.insert("epsilon".into(), epsilon.into());
    settings
}

fn rate(schedule: &Schedule) -> Table {
    let mut table = Table::new();
    match schedule {
        Schedule::Constant(rate) => table.insert("learning_rate".into(), (*rate).into()),
        schedule => table.insert("schedule".into(), schedule_value(schedule)),
    };
    table
}

fn schedule_value(schedule: &Schedule) -> Value {
    // An iteration beyond what TOML can write is beyond what a run can reach, too.
    let integer = |n: &u64| Value::from(i64::try_from(*n).unwrap_or(i64::MAX));
    let integers = |at: &[u64]| Value::from(at.iter().map(integer).collect::<Vec<_>>());
    let (name, settings) = match schedule {
        Schedule::Constant(rate) => return (*rate).into(),
        Schedule::Cosine { start, iterations, end } => {
            ("cosine", vec![("start", (*start).into()), ("iterations", integer(iterations)), ("end", (*end).into())])
        }
        Schedule::Exponential { start, factor, iterations } => (
            "exponential",
            vec![("start", (*start).into()), ("factor", (*factor).into()), ("iterations", integer(iterations))],
        ),
        Schedule::Piecewise { rates, at } => ("piecewise", vec![("rates", rates.clone().into()), ("at", integers(at))]),
        Schedule::Steps { start, factor, at } => {
            ("steps", vec![("start", (*start).into()), ("factor", (*factor).into()), ("at", integers(at))])
        }
        Schedule::WarmUp { iterations, then } => {
            ("warm_up", vec![("iterations", integer(iterations)), ("then", schedule_value(then))])
        }
    };
    let settings: Table = settings.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    Table::from_iter([(name.to_string(), settings.into())]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OptimiserConfig> {
        OptimiserConfig::from_toml(&Value::Table(text.parse().unwrap()))
    }

    #[test]
    fn run_files_of_the_documentation() {
        assert_eq!(read("adam = { learning_rate = 1e-3 }").unwrap(), OptimiserConfig::default());
        assert_eq!(read("adam = {}").unwrap(), OptimiserConfig::default());
        let cosine = Schedule::Cosine { start: 3e-3, iterations: 3000, end: 0.0 };
        let text = "adam = { schedule = { cosine = { start = 3e-3, iterations = 3000 } } }";
        assert_eq!(read(text).unwrap(), Adam::new(cosine.clone()).unwrap().into());
        let text = "clip_value = 2\n[adamw]\nweight_decay = 0\nbeta1 = 0.5\n[adamw.schedule.warm_up]\niterations = 5\n\
            then = { cosine = { start = 3e-3, iterations = 3000 } }";
        let schedule = Schedule::WarmUp { iterations: 5, then: Box::new(cosine) };
        let adamw = AdamW::from(Adam::new(schedule).unwrap().beta1(0.5).unwrap()).weight_decay(0.0).unwrap();
        assert_eq!(read(text).unwrap(), OptimiserConfig::from(adamw).clip(Clip::Value(2.0)).unwrap());
    }

    #[test]
    fn descriptions_come_back() {
        let schedules = [
            Schedule::Constant(0.125),
            Schedule::Cosine { start: 0.1, iterations: 7, end: 1e-5 },
            Schedule::Exponential { start: 0.1, factor: 0.5, iterations: 10 },
            Schedule::Piecewise { rates: vec![0.1, 0.01], at: vec![100] },
            Schedule::Steps { start: 0.1, factor: 0.1, at: vec![10, 30] },
            Schedule::WarmUp { iterations: 3, then: Box::new(Schedule::Constant(0.1)) },
        ];
        for schedule in schedules {
            let configs: [OptimiserConfig; 4] = [
                Adam::new(schedule.clone()).unwrap().beta2(0.99).unwrap().into(),
                AdamW::new(schedule.clone()).unwrap().weight_decay(0.3).unwrap().into(),
                Sgd::new(schedule.clone()).unwrap().momentum(0.7).unwrap().nesterov(true).into(),
                RmsProp::new(schedule).unwrap().decay(0.8).unwrap().into(),
            ];
            for config in configs {
                let config = config.clip(Clip::Norm(0.5)).unwrap();
                let text = toml::to_string(&config).unwrap();
                assert_eq!(toml::from_str::<OptimiserConfig>(&text).unwrap(), config, "{text}");
            }
        }
    }

    #[test]
    fn clipping_acts_before_the_method() {
        let config = read("sgd = { learning_rate = 1 }\nclip_norm = 5").unwrap();
        let (mut w, mut state) = ([0.0_f64, 0.0], config.initialise(2));
        config.update(0, &[30.0, 40.0], &mut state, &mut w);
        approx::assert_relative_eq!(w[..], [-3.0, -4.0][..], max_relative = 1e-14);
        assert_eq!(Optimiser::<f32>::name(&config), "sgd");
    }

    #[test]
    fn mistakes_are_named() {
        let refuse = |text: &str, message: &str| assert_eq!(read(text).unwrap_err().to_string(), message);
        refuse("", "optimiser: it names no optimiser; write for instance adam = { learning_rate = 1e-3 }");
        refuse("adm = {}", "optimiser: unknown key \"adm\"; did you mean \"adam\"?");
        refuse("RMSprop = {}", "optimiser: unknown key \"RMSprop\"; did you mean \"rmsprop\"?");
        refuse("adam = {}\nsgd = {}", "optimiser: it names both adam and sgd; keep one");
        refuse(
            "adam = { learningrate = 1 }",
            "optimiser.adam: unknown key \"learningrate\"; did you mean \"learning_rate\"?",
        );
        refuse(
            "adam = 1e-3",
            "optimiser.adam: expected a table with the keys learning_rate, schedule, beta1, beta2, epsilon, found the \
             number 0.001",
        );
        refuse("adam = { beta1 = 1.0 }", "optimiser.adam: beta1 is 1, it must be at least 0 and below 1");
        refuse(
            "adam = { learning_rate = nan }",
            "optimiser.adam: learning_rate is NaN, it must be finite and not negative",
        );
        refuse(
            "adam = { learning_rate = \"fast\" }",
            "optimiser.adam.learning_rate: expected a number, found the string \"fast\"",
        );
        refuse("sgd = { nesterov = 1 }", "optimiser.sgd.nesterov: expected true or false, found the integer 1");
        refuse(
            "sgd = { schedule = { cosin = {} } }",
            "optimiser.sgd.schedule: unknown schedule \"cosin\"; did you mean \"cosine\"?",
        );
        refuse(
            "sgd = { schedule = { cosine = { start = 1 } } }",
            "optimiser.sgd.schedule.cosine: the key \"iterations\" is missing, for instance iterations = 1000",
        );
        refuse(
            "sgd = { schedule = { steps = { start = 1, factor = 0.1, at = [5, 0] } } }",
            "optimiser.sgd.schedule.steps.at[1]: expected an integer of at least 1, found the integer 0",
        );
        refuse("adam = {}\nclip_norm = 1\nclip_value = 1", "optimiser: it has both clip_norm and clip_value; keep one");
        refuse("adam = {}\nclip_norm = -1", "optimiser: clip_norm is -1, it must be positive and finite");
        let deep = format!("{}1{}", "{ warm_up = { iterations = 1, then = ".repeat(30), "} }".repeat(30));
        let error = read(&format!("adam = {{ schedule = {deep} }}")).unwrap_err().to_string();
        assert!(error.ends_with("schedules are nested too deeply"), "{error}");
    }
}
