"""Reads the files that examples/round_trip.rs wrote, with the PyPI packages imnn, tensorflow, h5py and numpy.

    python read.py FOLDER

All simulations are x[seed, j, k] = 100 seed + 10 j + k of shape (3, 4).
"""

import importlib.util
import pathlib
import sys

import h5py
import numpy as np
import tensorflow as tf

folder = pathlib.Path(sys.argv[1])
j, k = np.meshgrid(range(3), range(4), indexing="ij")
x = (100.0 * np.arange(5)[:, None, None] + 10 * j + k).astype(np.float32)


def original():
    """A reader and writer of the package, as its Dataset classes use it."""
    package = importlib.util.find_spec("imnn").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("tfrecords", pathlib.Path(package) / "utils" / "tfrecords.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    records = module.TFRecords()
    records.input_shape = (3, 4)
    return records


def names(pattern):
    found = sorted(str(path) for path in folder.glob(pattern))
    assert found, pattern
    return found


def same(found, expected, what):
    found = np.stack([value.numpy() for value in found])
    assert found.dtype == np.float32 and np.array_equal(found, expected), what


records = original()
shards = names("fiducial_*.tfrecords")
assert [pathlib.Path(name).name for name in shards] == [f"fiducial_{i:05d}.tfrecords" for i in range(len(shards))]
assert len(shards) > 1, "the writer was to divide the records"
same(tf.data.TFRecordDataset(shards).map(records.parser), x, "fiducial")
same(
    tf.data.TFRecordDataset(names("exact_*.tfrecords")).map(lambda example: records.derivative_parser(example, n_params=2)),
    np.stack([x, 2 * x], axis=-1),
    "exact derivative",
)
sides = [x[:, None, None] + (d - 0.5) * (np.arange(2)[:, None, None] + 1) for d in range(2)]
sides = np.concatenate(sides, axis=1).astype(np.float32)
numerical = tf.data.TFRecordDataset(names("derivative_*.tfrecords"))
same(numerical.map(records.parser), sides.reshape(-1, 3, 4), "numerical derivative")
integer = tf.io.FixedLenFeature([], tf.int64)
features = {"seed": integer, "derivative": integer, "parameter": integer}
place = lambda example: [int(example[name]) for name in ("seed", "derivative", "parameter")]
places = [place(tf.io.parse_single_example(record, features)) for record in numerical]
assert places == [[s, d, p] for s in range(5) for d in range(2) for p in range(2)], places
with h5py.File(folder / "ours.h5") as file:
    assert np.array_equal(file["train/fiducial"][:], x), "HDF5"
    assert file["train/fiducial"].compression == "gzip" and file["train/fiducial"].fletcher32
    assert file["plain"].dtype == np.float32 and np.array_equal(file["plain"][:], x), "HDF5"
assert np.array_equal(np.load(folder / "ours.npy"), x), "npy"
print("what was written here was read by imnn, tensorflow", tf.__version__ + ", h5py", h5py.__version__, "and numpy")
