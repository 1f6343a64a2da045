#!/usr/bin/env python3
"""Reads the files that the example `exports` wrote with the packages they are for, and compares them with each other.

    cargo run --package imnn-infer --example exports FOLDER
    python crates/imnn-infer/tests/python/read.py FOLDER

Needs what requirements.txt says; Python 3.12 for arviz-base, which is left out where it is missing.
"""

import sys
import warnings
from pathlib import Path

import numpy as np


def main(folder):
    with np.load(folder / "posteriors.npz") as file:
        samples, weights, log_prob, names = (file[key] for key in ["samples", "weights", "log_prob", "names"])
    assert samples.shape == (2, 4000, 2) and names.tolist() == ["Omega_c", "sigma_8"]
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-12)
    check_getdist(folder, samples[0], weights[1], log_prob[0])
    check_zarr(folder, samples[0], weights[1], log_prob[0])
    for name in ["theta", "x"]:
        pairs = np.load(folder / f"{name}.npy")
        assert pairs.dtype == np.float32
        np.testing.assert_allclose(pairs, samples[0], rtol=1e-6)
    print("the exports are read as they should be")


def check_getdist(folder, samples, weights, log_prob):
    from getdist import loadMCSamples

    for root in ["plain", "weighted", "chains"]:
        loaded = loadMCSamples(str(folder / root), no_cache=True)
        assert loaded.getParamNames().list() == ["Omega_c", "sigma_8"]
        assert loaded.getParamNames().labels() == [r"\Omega_c", r"\sigma_8"]
        assert (loaded.ranges.getLower("Omega_c"), loaded.ranges.getUpper("Omega_c")) == (0.1, 0.5)
        assert (loaded.ranges.getLower("sigma_8"), loaded.ranges.getUpper("sigma_8")) == (None, 1.3)
        assert loaded.label == "npe" and loaded.numrows == 4000
        assert loaded.sampler == ("mcmc" if root == "chains" else "uncorrelated"), loaded.sampler
        np.testing.assert_allclose(loaded.samples, samples, rtol=1e-7)
        np.testing.assert_allclose(loaded.loglikes, -log_prob, rtol=1e-7, atol=1e-8)
        if root == "plain":
            assert abs(loaded.getEffectiveSamples() - 4000) < 1
        if root == "weighted":
            np.testing.assert_allclose(loaded.weights / loaded.weights.sum(), weights, rtol=1e-6)


def check_zarr(folder, samples, weights, log_prob):
    import xarray

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = xarray.open_datatree(folder / "chains.zarr", engine="zarr").load()
    assert set(tree.children) == {"posterior", "sample_stats", "observed_data", "prior"}
    posterior = tree["posterior"]
    assert dict(posterior.sizes) == {"chain": 4, "draw": 1000}
    assert posterior.attrs["inference_library"] == "imnn" and posterior.attrs["created_at"].startswith("2026-11-26")
    for i, name in enumerate(["Omega_c", "sigma_8"]):
        np.testing.assert_array_equal(posterior[name].values.reshape(-1), samples[:, i])
    np.testing.assert_array_equal(tree["sample_stats"]["lp"].values.reshape(-1), log_prob)
    np.testing.assert_array_equal(tree["observed_data"]["summary"].values, [0.31, 0.79])
    weighted = xarray.open_datatree(folder / "weighted.zarr", engine="zarr").load()
    np.testing.assert_allclose(weighted["sample_stats"]["weight"].values[0], weights, rtol=1e-12)
    try:
        import arviz_base
    except ImportError:
        print("arviz-base is not installed: its reader was not tried")
        return
    assert set(arviz_base.convert_to_datatree(str(folder / "chains.zarr")).children) == set(tree.children)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
