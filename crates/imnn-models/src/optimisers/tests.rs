//! Optimisers of run files, and all of them on a quadratic.

use super::*;
use toml::Value;

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
    let adamw = AdamW::new(schedule).unwrap().beta1(0.5).unwrap().weight_decay(0.0).unwrap();
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
        let configs: [OptimiserConfig; 5] = [
            Adam::new(schedule.clone()).unwrap().beta2(0.99).unwrap().into(),
            AdamW::new(schedule.clone()).unwrap().weight_decay(0.3).unwrap().into(),
            Sgd::new(schedule.clone()).unwrap().momentum(0.7).unwrap().nesterov(true).into(),
            RmsProp::new(schedule.clone()).unwrap().decay(0.8).unwrap().into(),
            Muon::new(schedule).unwrap().momentum(0.9).unwrap().epsilon(1e-6).unwrap().into(),
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
    config.update(0, &mut [30.0, 40.0], &mut state, &mut w);
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
    refuse("adam = { beta1 = 1.0 }", "optimiser.adam.beta1: beta1 is 1, it must be at least 0 and below 1");
    refuse(
        "adam = { learning_rate = nan }",
        "optimiser.adam.learning_rate: expected a finite number, found the number nan",
    );
    refuse(
        "adam = { learning_rate = \"fast\" }",
        "optimiser.adam.learning_rate: expected a finite number, found the text \"fast\"",
    );
    refuse("sgd = { nesterov = 1 }", "optimiser.sgd.nesterov: expected true or false, found integer 1");
    refuse(
        "sgd = { schedule = { cosin = {} } }",
        "optimiser.sgd.schedule.cosin: unknown schedule \"cosin\"; did you mean \"cosine\"?",
    );
    refuse(
        "sgd = { schedule = { cosine = { start = 1 } } }",
        "optimiser.sgd.schedule.cosine: the key \"iterations\" is missing: write for instance iterations = 1000",
    );
    refuse(
        "sgd = { schedule = { steps = { start = 1, factor = 0.1, at = [5, 0] } } }",
        "optimiser.sgd.schedule.steps.at[1]: expected a whole number of at least 1, found the integer 0",
    );
    refuse("adam = {}\nclip_norm = 1\nclip_value = 1", "optimiser: it has both clip_norm and clip_value; keep one");
    refuse("adam = {}\nclip_norm = -1", "optimiser.clip_norm: clip_norm is -1, it must be positive and finite");
    let deep = format!("{}1{}", "{ warm_up = { iterations = 1, then = ".repeat(30), "} }".repeat(30));
    let error = read(&format!("adam = {{ schedule = {deep} }}")).unwrap_err().to_string();
    assert!(error.ends_with("nesting of warm_up is 8, it must be below 8"), "{error}");
}

/// `sum_i s_i (w_i - i)^2` with scales over two decades: every optimiser must find `w_i = i`.
fn distance_after<E: Number>(optimiser: &dyn Optimiser<E>, iterations: u64) -> f64 {
    let scales = [0.1, 1.0, 4.0, 10.0];
    let mut w = vec![E::of(-2.0); 4];
    let mut state = optimiser.initialise(4);
    for iteration in 0..iterations {
        let mut gradient: Vec<E> = (0..4).map(|i| E::of(2.0 * scales[i] * (w[i].f64() - i as f64))).collect();
        optimiser.update(iteration, &mut gradient, &mut state, &mut w);
    }
    w.iter().enumerate().fold(0.0, |m, (i, w)| f64::max(m, (w.f64() - i as f64).abs()))
}

#[test]
fn all_converge_on_a_quadratic() {
    let cosine = |start| Schedule::Cosine { start, iterations: 3000, end: 0.0 };
    let optimisers: Vec<Box<dyn Optimiser<f64>>> = vec![
        Box::new(Adam::new(cosine(0.1)).unwrap()),
        Box::new(AdamW::new(cosine(0.1)).unwrap().weight_decay(0.0).unwrap()),
        Box::new(Sgd::new(0.04).unwrap()),
        Box::new(Sgd::new(0.01).unwrap().momentum(0.9).unwrap()),
        Box::new(Sgd::new(0.01).unwrap().momentum(0.9).unwrap().nesterov(true)),
        Box::new(RmsProp::new(cosine(0.02)).unwrap()),
        Box::new(Clipped::norm(Sgd::new(0.04).unwrap(), 1.0).unwrap()),
        Box::new(Clipped::value(Adam::new(cosine(0.1)).unwrap(), 0.5).unwrap()),
    ];
    for optimiser in optimisers {
        let distance = distance_after(&optimiser, 3000);
        assert!(distance < 1e-5, "{optimiser:?}: {distance}");
    }
    let distance = distance_after::<f32>(&Adam::new(cosine(0.1)).unwrap(), 3000);
    assert!(distance < 1e-4, "{distance}");
}

#[test]
fn states_of_other_runs_are_refused() {
    let adam = Adam::new(1e-3).unwrap();
    let refuse = |state: &OptimiserState<f64>, part: &str| {
        let error = Optimiser::<f64>::check(&adam, state, 3).unwrap_err().to_string();
        assert!(error.contains("does not fit the network") && error.contains(part), "{error}");
    };
    assert!(adam.check(&Optimiser::<f64>::initialise(&adam, 3), 3).is_ok());
    refuse(&adam.initialise(4), "\"m\" has 4 entries, expected 3");
    refuse(&Sgd::new(0.1).unwrap().momentum(0.9).unwrap().initialise(3), "the vector \"m\" is missing");
    let extra = ["m", "v", "w"].map(|name| (name.to_string(), vec![0.0; 3]));
    refuse(&OptimiserState::new(extra.to_vec()), "\"w\" belongs to another optimiser");
}

#[test]
fn a_gradient_that_is_not_finite_stays_visible() {
    let optimisers: Vec<Box<dyn Optimiser<f64>>> = vec![
        Box::new(Adam::new(0.1).unwrap()),
        Box::new(Clipped::norm(Sgd::new(0.1).unwrap(), 1.0).unwrap()),
        Box::new(Clipped::value(RmsProp::new(0.1).unwrap(), 1.0).unwrap()),
    ];
    for optimiser in optimisers {
        let (mut w, mut state) = ([1.0, 1.0], optimiser.initialise(2));
        optimiser.update(0, &mut [f64::NAN, 1.0], &mut state, &mut w);
        assert!(w[0].is_nan(), "{optimiser:?}");
    }
}
