#!/usr/bin/env python3
"""Reads everything that a saved run holds with numpy, safetensors and what Python brings, and compares what can be.

    python3 tests/saved/read.py RUN [RUN...]

A run that is not finished is read as far as it goes: its checkpoint. Needs numpy and safetensors.
"""

import hashlib, json, sys, tomllib
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

COLUMNS = ["detF", "detC", "detinvC", "lambda2", "r"]


def check_manifest(folder, required):
    """Every file is there and is what it was."""
    path = folder / "manifest.json"
    if not path.exists():
        assert not required, f"{folder} has no manifest.json"
        return
    for name, entry in json.loads(path.read_text())["files"].items():
        data = (folder / name).read_bytes()
        assert len(data) == entry["bytes"], name
        assert hashlib.sha256(data).hexdigest() == entry["sha256"], name


def check_weights(folder, model):
    """All weights have the same names and shapes, are finite, and in the precision of the run."""
    dtype = {"f32": np.float32, "f64": np.float64}[model["precision"]]
    found = {path.stem: load_file(path) for path in folder.glob("*.safetensors") if path.stem != "optimiser"}
    final = found["final"]
    for name, weights in found.items():
        assert weights.keys() == final.keys(), name
        for key, array in weights.items():
            assert array.shape == final[key].shape and array.dtype == dtype and np.isfinite(array).all(), (name, key)
    n_weights = sum(array.size for array in final.values())
    for key, vector in load_file(folder / "optimiser.safetensors").items():
        assert vector.shape == (n_weights,) and np.isfinite(vector).all(), key


def check_history(folder, model):
    """Columns are of one length; ln det F is the logarithm of det F."""
    with np.load(folder / "history.npz") as file:
        columns = COLUMNS + (["lndetF"] if model["format"] > 1 else [])
        length = {file[prefix + name].shape for name in columns for prefix in [""]}
        assert len(length) == 1, length
        if "lndetF" in file.files:
            np.testing.assert_allclose(file["lndetF"], np.log(file["detF"]), rtol=1e-12, atol=1e-12)
        return length.pop()[0]


def check_statistics(folder, model):
    """F = dmu^T C^-1 dmu, by hand."""
    with np.load(folder / "statistics.npz") as file:
        C, dmu, F = file["C"], file["dmu_dtheta"], file["F"]
        assert dmu.shape == (len(file["mu"]), len(model["theta_fid"]))
        np.testing.assert_allclose(dmu.T @ np.linalg.solve(C, dmu), F, rtol=1e-9)
        np.testing.assert_allclose(file["invF"] @ F, np.eye(len(F)), atol=1e-9)


def check_information(folder):
    """F without biases, symmetric, with errors; runs of before have none."""
    if (folder / "information.npz").exists():
        with np.load(folder / "information.npz") as file:
            assert file["n_s"] >= file["n_d"] >= 1
            if "F" in file.files:
                assert (file["F"] == file["F"].T).all() and (file["F_errors"] >= 0).all()
            if "lndetF" in file.files:
                assert file["lndetF"].shape == (2,) and file["errors"].shape == (len(file["F"]), 2)
                np.testing.assert_allclose(file["lndetF"][0], np.linalg.slogdet(file["F"])[1], atol=1)


def check_typical(folder):
    """The least and the largest of four moments of a simulation; runs of before have none."""
    if (folder / "typical.npz").exists():
        with np.load(folder / "typical.npz") as file:
            assert file["range"].shape == (4, 2) and (file["range"][:, 0] <= file["range"][:, 1]).all()


def read(folder):
    unfinished = folder / "unfinished"
    checkpoint = (unfinished if unfinished.exists() else folder) / "checkpoint"
    said = []
    if checkpoint.exists():
        model = tomllib.loads((checkpoint / "model.toml").read_text())
        check_manifest(checkpoint, True)
        check_weights(checkpoint, model)
        iterations = check_history(checkpoint, model)
        state = tomllib.loads((checkpoint / "state.toml").read_text())
        counters = state["counters"]
        assert counters["before"] + counters["done"] == iterations, counters
        said.append(f"a checkpoint after {iterations} iterations")
    if (folder / "model.toml").exists():
        model = tomllib.loads((folder / "model.toml").read_text())
        tomllib.loads((folder / "run.toml").read_text())
        check_manifest(folder, model["format"] > 1)
        check_weights(folder, model)
        check_statistics(folder, model)
        check_information(folder)
        check_typical(folder)
        said.append(f"a run of {check_history(folder, model)} iterations")
    assert said, f"{folder} holds neither a run nor a checkpoint"
    print(f"{folder}: {' and '.join(said)}")


for name in sys.argv[1:]:
    read(Path(name))
