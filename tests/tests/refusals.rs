//! What the builder and the trainer refuse, in their words.

use crate::small::{Kind, THETA_FID, dense_network, draws, imnn, settings};
use imnn::data::{Arrays, OnTheFly};
use imnn::fit::{FitError, FitSettings, Imnn, ImnnBuilder, Weights};
use imnn::models::{Sgd, dense, serial};
use imnn::sim::GaussianMeanVariance;
use ndarray::ArrayD;

fn builder() -> ImnnBuilder<f32> {
    Imnn::builder(dense_network()).theta_fid(THETA_FID).training(draws(Kind::Exact, 60, 1))
}

#[track_caller]
fn refused(builder: ImnnBuilder<f32>, words: &[&str]) {
    let message = builder.build().err().unwrap().to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

#[test]
fn parts_that_are_missing() {
    refused(Imnn::builder(dense_network()).theta_fid(THETA_FID), &["training set is missing", "`training`"]);
    refused(
        Imnn::builder(dense_network()).training(draws(Kind::Exact, 60, 1)),
        &["fiducial is missing", "`theta_fid`"],
    );
}

#[test]
fn parts_that_do_not_fit() {
    refused(builder().theta_fid([0.0]), &["number of parameters of the training set", "2", "1, as theta_fid has"]);
    refused(builder().names(["mean"]), &["names", "1 (mean)", "2"]);
    refused(builder().theta_fid([0.0, f64::NAN]), &["theta_fid is NaN"]);
    let validation = OnTheFly::new(GaussianMeanVariance { n_data: 9 }, &THETA_FID, 60, 60).unwrap();
    refused(builder().validation(validation), &["validation", "[9]", "[10]"]);
    let start = |network| {
        let other = imnn::models::Model::new(network, &[10]).unwrap();
        imnn::fit::Start::Parameters(other.initialise(imnn::sim::Key::new(0)))
    };
    refused(builder().start(start(serial([dense(3), dense(2)]))), &["41 values", "482"]);
}

#[test]
fn summaries_and_simulations_of_the_wrong_number() {
    let with = |network| Imnn::builder(network).theta_fid(THETA_FID).training(draws(Kind::Exact, 60, 1));
    refused(with(serial([dense(3)])), &["ends in [3]", "3 summaries", "n_summaries is 2", "dense(2)"]);
    refused(with(serial([dense(1)])).n_summaries(1), &["n_summaries is 1", "at least the number of parameters, 2"]);
    assert!(with(serial([dense(3)])).n_summaries(3).build().is_ok());
    let few = Arrays::<f32>::exact(ArrayD::zeros(vec![2, 10]), ArrayD::zeros(vec![2, 10, 2])).unwrap();
    refused(builder().training(few), &["training set has n_s = 2", "at least 3"]);
}

#[test]
fn settings_out_of_range() {
    let mut imnn = imnn::<f32>(Kind::Exact, 1);
    for (settings, word) in [
        (FitSettings { patience: 0, ..settings(1) }, "patience is 0"),
        (FitSettings { round: Some(0), ..settings(1) }, "round is 0"),
        (FitSettings { tolerance: f64::NAN, ..settings(1) }, "tolerance is NaN"),
        (FitSettings { lambda: Some(-1.0), ..settings(1) }, "lambda"),
        (FitSettings { epsilon: Some(0.0), ..settings(1) }, "epsilon"),
        (FitSettings { kappa: Some(-1.0), ..FitSettings::default() }, "kappa = -1"),
        (FitSettings { kappa: Some(1.0), ..settings(1) }, "there is one penalty"),
    ] {
        let message = imnn.fit(&settings).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    assert!(matches!(imnn.estimate(ArrayD::<f32>::zeros(vec![10])), Err(FitError::NoStatistics)));
    assert!(matches!(imnn.weights(Weights::Best), Err(FitError::NoBestWeights)));
}

#[test]
fn data_that_do_not_fit_the_network() {
    let mut imnn = imnn::<f32>(Kind::Exact, 1);
    imnn.fit(&settings(1)).unwrap();
    let message = imnn.estimate(ArrayD::<f32>::zeros(vec![4, 9])).unwrap_err().to_string();
    assert!(message.contains("[4, 9]") && message.contains("[n, 10]"), "{message}");
    let mut data = ArrayD::zeros(vec![4, 10]);
    data[[2, 7]] = f32::NAN;
    let message = imnn.estimate(&data).unwrap_err().to_string();
    assert!(message.contains("NaN") && message.contains("[2, 7]"), "{message}");
}

/// Weights that run away end the call, not the process, and what was found before is kept.
#[test]
fn a_run_that_diverges_keeps_what_it_had() {
    let mut imnn = Imnn::<f32>::builder(dense_network())
        .theta_fid(THETA_FID)
        .training(draws(Kind::Exact, 300, 1))
        .optimiser(Sgd::new(1e4).unwrap())
        .build()
        .unwrap();
    let error = imnn.fit(&settings(200)).unwrap_err();
    let FitError::Stopped { iteration, .. } = &error else { panic!("{error}") };
    assert_eq!(imnn.history().len(), *iteration);
    assert!(*iteration >= 1 && imnn.weights(Weights::Best).is_ok());
    assert!(error.to_string().contains(&format!("iteration {iteration}")), "{error}");
}
