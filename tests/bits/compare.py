#!/usr/bin/env python3
"""Runs ten training runs with a program `imnn` and compares what they write, to the bit, with recorded hashes.

    python3 tests/bits/compare.py target/release/imnn            # compare with hashes.json
    python3 tests/bits/compare.py target/release/imnn --write    # record

The runs cover every kind of source, device setting, layer and optimiser. Hashes are of the numbers (history, weights,
the optimiser's memory, statistics), not of files. They hold for one kind of processor and one OpenBLAS, which the file
names: with other vector instructions sums are rounded otherwise. On another machine, record with an older program first.
Needs numpy and h5py.
"""

import hashlib, json, os, platform, subprocess, sys, tempfile
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).resolve().parent
RUNS = sorted(path.stem for path in HERE.glob("*.toml") if path.stem != "design")


def make_data(program, folder):
    """The files that the runs read, the same numbers every time."""
    golden = HERE.parent / "golden"
    exact, numerical = np.load(golden / "fit_gradient.npz"), np.load(golden / "fit_numerical.npz")
    names = ["fiducial", "derivative", "validation_fiducial", "validation_derivative"]
    np.savez(folder / "exact.npz", **{name: exact[name] for name in names})
    with h5py.File(folder / "exact.h5", "w") as file:
        for name in names:
            settings = dict(compression="gzip", shuffle=True, chunks=(7,) + exact[name].shape[1:])
            file.create_dataset("train/" + name, data=exact[name], **settings)
    for name in names:
        np.save(folder / f"{name}.npy", numerical[name].astype(np.float32))
    (folder / "seeds").mkdir()
    for seed in range(150):
        np.save(folder / f"seeds/fiducial_{seed:04}.npy", numerical["fiducial"][seed])
    for side, below_above in enumerate(["below", "above"]):
        for p, parameter in enumerate(["mean", "variance"]):
            for seed in range(100):
                row = numerical["derivative"][seed, side, p]
                np.save(folder / f"seeds/{parameter}_{below_above}_{seed:04}.npy", row)
    np.save(folder / "noise.npy", np.random.default_rng(7).normal(size=(64, 10)))
    convert = [program, "data", "convert"]
    run(convert + ["fiducial.npy", "fiducial_*.tfrecords", "--layout", "fiducial"], folder)
    run(convert + ["derivative.npy", "derivative_*.tfrecords", "--layout", "numerical"], folder)
    (folder / "design.toml").write_text(text("design"))
    run([program, "simulate", "design.toml", "--out", "simulated"], folder)


def text(name):
    return (HERE / f"{name}.toml").read_text().replace("REPO", str(HERE.parents[1]))


def run(command, folder):
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if made.returncode != 0:
        print(f"{' '.join(command)}\n{made.stdout}{made.stderr}", file=sys.stderr)


def arrays(path):
    """Names and arrays of an npz or safetensors file."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            return [(name, file[name]) for name in sorted(file.files)]
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    parts = []
    for name in sorted(header):
        start, end = header[name]["data_offsets"]
        parts.append((name, np.frombuffer(data[8 + length + start : 8 + length + end], dtype=np.uint8)))
    return parts


def hashes(folder):
    found = {}
    files = ["history.npz", "weights.safetensors", "final.safetensors", "best.safetensors", "optimiser.safetensors",
             "statistics.npz"]
    for file in files:
        path, digest = folder / file, hashlib.sha256()
        if path.exists():
            for name, array in arrays(path):
                if name in ("lndetF", "val_lndetF"):
                    continue  # younger than the hashes, and told by detF
                digest.update(f"{name} {array.dtype} {array.shape};".encode() + np.ascontiguousarray(array).tobytes())
            found[file] = digest.hexdigest()[:32]
    return found


def machine():
    flags, model = "", platform.machine()
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("flags"):
                flags = line
            if line.startswith("model name"):
                model = line.split(":")[1].strip()
    found = [name for name in ["avx2", "fma", "avx512f"] if f" {name} " in flags + " "]
    blas = os.environ.get("OPENBLAS_CORETYPE", "")
    return f"{model}; {' '.join(found)}; OPENBLAS_CORETYPE={blas}"


def main():
    program, write = str(Path(sys.argv[1]).resolve()), "--write" in sys.argv
    kept = os.environ.get("BITS_FOLDER")
    with tempfile.TemporaryDirectory(dir=kept) as folder:
        folder = Path(folder)
        make_data(program, folder)
        found = {}
        for name in RUNS:
            (folder / f"{name}.toml").write_text(text(name))
            run([program, "fit", f"{name}.toml", "--out", name], folder)
            found[name] = hashes(folder / name)
            print(f"{name}: {len(found[name])} files", flush=True)
    path = HERE / "hashes.json"
    if write:
        path.write_text(json.dumps({"machine": machine(), "runs": found}, indent=1) + "\n")
        return
    known = json.loads(path.read_text())
    if known["machine"] != machine():
        print(f"recorded on: {known['machine']}\nthis is:     {machine()}")
    wrong = [f"{run}: {file}" for run in known["runs"] for file, value in known["runs"][run].items()
             if found.get(run, {}).get(file) != value]
    print("\n".join("differs: " + line for line in wrong) or f"all of {len(found)} runs are the same to the bit")
    sys.exit(1 if wrong else 0)


main()
