"""Writes files with other programs, for tests of reading them: TFRecords of the PyPI packages imnn and tensorflow, HDF5
files of h5py and hdf5plugin, npy files of numpy.

    python write.py FOLDER

The files of tests/foreign were made with imnn 0.3.2, tensorflow 2.15.1, h5py 3.16.0 (HDF5 2.0.0), hdf5plugin and
numpy 1.26.4. All simulations are x[seed, j, k] = 100 seed + 10 j + k of shape (3, 4), or what is said beside them.
"""

import importlib.util
import itertools
import pathlib
import sys

import h5py
import hdf5plugin
import numpy as np
import tensorflow as tf

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def original():
    """The module of the package that writes records; the rest of the package needs a JAX of 2021."""
    package = importlib.util.find_spec("imnn").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("tfrecords", pathlib.Path(package) / "utils" / "tfrecords.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TFRecords


def x(seed):
    j, k = np.meshgrid(range(3), range(4), indexing="ij")
    return (100.0 * seed + 10 * j + k).astype(np.float32)


def exact(seed):
    """The derivative with respect to parameter a is (a + 1) x."""
    return np.stack([x(seed), 2 * x(seed)], axis=-1)


def side(seed, derivative, parameter):
    """Below and above differ by a + 1."""
    return x(seed) + (derivative - 0.5) * (parameter + 1)


def tfrecords():
    TFRecords = original()
    write = lambda size=150.0, **options: TFRecords(record_size=size).write_record(directory=str(folder), **options)
    write(n_sims=4, get_simulation=lambda seed: x(seed))
    write(n_sims=3, get_simulation=lambda seed: exact(seed), filename="exact")
    # A negative size: the file is full after every record, so that seeds are split over files.
    write(-1.0, n_sims=2, get_simulation=side, fiducial=False, n_params=2, filename="derivative")
    print()
    bytes_list = lambda value: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    floats = lambda value: tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(value)))
    integer = lambda value: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def plain(name, examples, options=None):
        with tf.io.TFRecordWriter(str(folder / name), options) as writer:
            for feature in examples:
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())

    # Floats in place of bytes, seeds out of order, and features of no interest.
    plain("floats.tfrecord", [
        {"data": floats(x(seed)), "seed": integer(seed), "theta": floats([0.1, 0.2]), "name": bytes_list(b"x" * 40)}
        for seed in (7, 5, 6)
    ])
    # Larger than what is read when a file is indexed.
    plain("large.tfrecord", [{"data": floats(np.arange(3000) + seed), "seed": integer(seed)} for seed in (1, 0)])
    plain("unnumbered.tfrecord", [{"data": bytes_list(x(seed).tobytes())} for seed in (0, 1)])
    plain("gap.tfrecord", [{"data": floats(x(seed)), "seed": integer(seed)} for seed in (0, 1, 3)])
    plain("twice.tfrecord", [{"data": floats(x(seed)), "seed": integer(seed)} for seed in (0, 1, 1)])
    plain("double.tfrecord", [{"data": bytes_list(x(0).astype(np.float64).tobytes()), "seed": integer(0)}] * 1)
    plain("gzip.tfrecord", [{"data": floats(x(0)), "seed": integer(0)}], tf.io.TFRecordOptions("GZIP"))


def hdf5():
    values = np.stack([x(seed) for seed in range(5)])
    with h5py.File(folder / "arrays.h5", "w") as file:
        for code in ("<f4", ">f4", "<f8", ">f8", "|i1", "<i2", ">i4", "<i8", "<u2"):
            name = code.replace("<", "le_").replace(">", "be_").replace("|", "")
            data = values % 100 if code == "|i1" else values
            file.create_dataset(name, data=data.astype(code))
        chunked = dict(data=values, chunks=(2, 3, 3))
        group = file.create_group("chunked")
        group.create_dataset("none", **chunked)
        group.create_dataset("gzip", compression="gzip", shuffle=True, **chunked)
        group.create_dataset("checked", fletcher32=True, **chunked)
        group.create_dataset("lzf", compression="lzf", **chunked)
        for name in ("blosclz", "lz4", "zlib", "zstd"):
            group.create_dataset(f"blosc_{name}", **hdf5plugin.Blosc(cname=name, clevel=5), **chunked)
        group.create_dataset("resizable", maxshape=(None, 3, 4), **chunked)
        refused = file.create_group("refused")
        refused.create_dataset("zstd", **hdf5plugin.Zstd(), **chunked)
        refused.create_dataset("bool", data=values > 5)
        refused.create_dataset("complex", data=values * 1j)
        refused.create_dataset("text", data="x")
        refused.create_dataset("unwritten", shape=(5, 3, 4), dtype="f4")
        partial = refused.create_dataset("partial", shape=(5, 3, 4), dtype="f4", chunks=(1, 3, 4))
        partial[:3] = values[:3]
        layout = h5py.VirtualLayout(shape=(5, 3, 4), dtype="f4")
        layout[:] = h5py.VirtualSource(file["le_f4"])
        refused.create_virtual_dataset("virtual", layout)
    with h5py.File(folder / "v110.h5", "w", libver=("earliest", "v110")) as file:
        file.create_dataset("x", data=values, chunks=(1, 3, 4), compression="gzip")
    with h5py.File(folder / "small.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(2, 3, 4), compression="gzip", fletcher32=True)

    with h5py.File(folder / "new.h5", "w", libver=("v110", "v110")) as file:
        file.create_dataset("x", data=values, chunks=(2, 3, 4), compression="gzip", fletcher32=True)
    with h5py.File(folder / "lists.h5", "w", libver=("v110", "v110")) as file:
        lists(file, values)
        many(file)
    with h5py.File(folder / "trees.h5", "w", userblock_size=512) as file:
        lists(file, values)


def lists(file, values):
    """Every way of HDF5 to list chunks, and a group of more names than fit its head."""
    for name, packed in (("plain", {}), ("gzip", dict(compression="gzip", shuffle=True))):
        group = file.create_group(name)
        group.create_dataset("single", data=values, chunks=values.shape, **packed)
        group.create_dataset("fixed", data=values, chunks=(1, 2, 3), maxshape=(9, 3, 8), **packed)
        group.create_dataset("growing", data=values, chunks=(2, 1, 3), maxshape=(5, None, 7), **packed)
        group.create_dataset("tree", data=values, chunks=(1, 2, 3), maxshape=(None, 3, None), **packed)
        shrunk = group.create_dataset("shrunk", data=np.tile(values, (2, 1, 1)), chunks=(2, 2, 3), maxshape=(None, 3, 4))
        shrunk.resize((5, 3, 4))
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_chunk((1, 2, 3))
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple(values.shape)
    h5py.Dataset(h5py.h5d.create(file.id, b"early", h5py.h5t.IEEE_F32LE, space, early))[...] = values
    file["type"] = np.dtype("<f4")
    file.create_dataset("named", data=values, dtype=file["type"])
    file.create_dataset("half", data=values.astype("f2"))
    file["soft"] = h5py.SoftLink("/plain/single")
    for seed in range(20):
        file.create_dataset(f"names/{seed:03}", data=values[seed % 5])


def many(file):
    """Long lists of chunks, and chunks of several blocks of Blosc."""
    chunks = np.arange(1100, dtype="f4").reshape(1100, 1)
    for name, most in (("fixed", (1100, 1)), ("growing", (None, 1)), ("tree", (None, None))):
        file.create_dataset(f"many/{name}", data=chunks, chunks=(1, 1), maxshape=most)
    rows = np.cumsum(np.arange(4000) % 7, dtype="f8").reshape(200, 20)
    for name in ("blosclz", "lz4", "zlib", "zstd"):
        for shuffle in range(3):
            packed = hdf5plugin.Blosc(cname=name, clevel=9, shuffle=shuffle)
            file.create_dataset(f"blosc/{name}_{shuffle}", data=rows, chunks=(150, 20), **packed)


def npy():
    values = np.stack([x(seed) for seed in range(2)])
    types = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
    for code, order, memory in itertools.product(types, "<>", "CF"):
        data = (values % 100).astype(order + code)
        np.save(folder / f"{code}_{'le' if order == '<' else 'be'}_{memory}.npy", np.asarray(data, order=memory))


tfrecords()
hdf5()
npy()
