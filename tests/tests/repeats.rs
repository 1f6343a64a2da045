//! The same run twice on a device, the CPU or with `IMNN_DEVICE=cuda` the first GPU: the same bits.

use crate::determinism::bits;
use crate::small::{KINDS, THETA_FID, conv_network, dense_network, draws, fields, settings};
use imnn::data::Source;
use imnn::fit::{Imnn, Weights};
use imnn::models::Network;
use imnn::sim::Key;
use imnn_tests::device;

/// Bits of the history and the weights after enough iterations that what is kept between them is used again.
fn run(network: Network, theta: [f64; 2], sources: [Box<dyn Source<f32>>; 2]) -> Vec<u64> {
    let [training, validation] = sources;
    let mut imnn = Imnn::<f32>::builder(network)
        .theta_fid(theta)
        .training(training)
        .validation(validation)
        .device(device())
        .key(Key::new(3))
        .build()
        .unwrap();
    imnn.fit(&settings(20)).unwrap();
    bits(imnn.history(), imnn.weights(Weights::Final).unwrap().values())
}

#[test]
fn dense_networks_repeat_to_the_bit() {
    for kind in KINDS {
        let once = || run(dense_network(), THETA_FID, [draws(kind, 300, 1), draws(kind, 200, 2)]);
        let first = once();
        assert_eq!(once(), first, "{kind:?}");
    }
}

#[test]
fn convolutional_networks_repeat_to_the_bit() {
    let once = || run(conv_network(), [1.0, 0.5], [Box::new(fields(300)), Box::new(fields(200))]);
    let first = once();
    assert_eq!(once(), first);
}
