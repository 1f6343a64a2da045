"""Writes the small files of this folder with numpy, for tests of reading what numpy writes.

    python make.py        # made with numpy 2.4.6

All hold x[i, j, k] = 100 i + 10 j + k of shape (2, 3, 4), or what their name says.
"""

import io
import pathlib

import numpy as np
from numpy.lib import format

here = pathlib.Path(__file__).parent
i, j, k = np.meshgrid(range(2), range(3), range(4), indexing="ij")
x = 100 * i + 10 * j + k

for code in ("<f2", "<f4", ">f4", "<f8", ">f8", "|u1", "<i8", ">i4"):
    name = code.replace("<", "le_").replace(">", "be_").replace("|", "")
    values = x % 256 if code == "|u1" else x
    np.save(here / f"{name}.npy", values.astype(code))
np.save(here / "bool.npy", x % 2 == 1)
np.save(here / "fortran.npy", np.asfortranarray(x.astype("<f8")))
np.save(here / "fortran_be_f4.npy", np.asfortranarray(x.astype(">f4")))
np.save(here / "scalar.npy", np.float64(1.5))
np.save(here / "vector.npy", np.array([0.1, 0.2]))
np.save(here / "empty.npy", np.zeros((0, 3)))
for version in ((2, 0), (3, 0)):
    with open(here / f"version_{version[0]}.npy", "wb") as file:
        format.write_array(file, x.astype("<f8"), version=version)

np.savez(here / "stored.npz", x=x.astype("<f8"), y=x.astype(">f4"), **{"layers/0/weight": np.arange(3.0)})
np.savez_compressed(here / "deflated.npz", x=x.astype("<f8"), fortran=np.asfortranarray(x.astype("<f4")))
np.savez(here / "single.npz", x.astype("<f4"))
np.savez(here / "none.npz")

np.save(here / "complex.npy", x + 1j)
np.save(here / "object.npy", np.array([[1.0], [2.0, 3.0]], dtype=object), allow_pickle=True)
np.save(here / "text.npy", np.array(["a", "b"]))
np.save(here / "records.npy", np.zeros(2, dtype=[("a", "<f8"), ("b", "<i4")]))
np.save(here / "long_double.npy", np.ones(2, dtype=np.longdouble))
