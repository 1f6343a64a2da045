"""Writes the files of this folder with h5py: the same numbers in every layout, for each range of library versions.

All hold the numbers of fiducial.npy, multiples of 1/8, which half precision holds exactly.
"""

import os

import h5py
import numpy as np

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rng = np.random.default_rng(17)
fid, der = (np.round(rng.normal(0, 2, shape) * 8) / 8 for shape in [(60, 6), (40, 2, 2, 6)])
np.save("fiducial.npy", fid)
np.save("derivative.npy", der)

LAYOUTS = {
    "plain": {},
    "gzip": dict(chunks=(7, 4), compression="gzip"),
    "lzf": dict(chunks=(7, 6), compression="lzf"),
    "shuffle": dict(chunks=(7, 6), shuffle=True, compression="gzip", fletcher32=True),
    "fletcher": dict(chunks=(7, 4), fletcher32=True),
    "f2": dict(dtype="f2"),
    "big_f2": dict(dtype=">f2"),
    "big_f8": dict(dtype=">f8"),
    "big_f4": dict(dtype=">f4", chunks=(60, 1)),
    "growing": dict(maxshape=(None, 6), chunks=(16, 6)),
    "integers": dict(dtype="i4"),
    "growing_twice": dict(maxshape=(None, None), chunks=(8, 3)),
}

for versions in [("earliest", "latest"), ("latest", "latest"), ("v108", "v110")]:
    with h5py.File(f"{versions[0]}.h5", "w", libver=versions) as f:
        group = f.create_group("Om_c=0.3/maps")
        for name, options in LAYOUTS.items():
            group.create_dataset(name, data=fid, **options)
        f["derivative"] = der
        f["soft"] = h5py.SoftLink("/Om_c=0.3/maps/gzip")
        f["hard"] = group["plain"]
        f["external"] = h5py.ExternalLink("other.h5", "fid")
        f["derivative"].attrs["units"] = "Mpc/h"
        f.attrs["BoxSize"] = 1000.0
        f["derivative"].attrs["note"] = "ü" * 50
        f["derivative"].attrs["big"] = np.arange(500.0)
        group["plain"].dims[0].label = "sim"

with h5py.File("Mk_fiducial0-4999_R=10_z=0.0.hdf5", "w") as f:
    f["/fid"] = fid
    f["/der"] = der
