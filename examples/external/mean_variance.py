"""Ten Gaussian draws of a given mean and variance, from a seed, into a .npy file.

    python3 mean_variance.py --seed 1 --theta=0.0,1.0 --out out.npy

The Fisher matrix of mean and variance at (0, 1) is diag(10, 5), its determinant 50.
"""

import argparse

import numpy as np

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--theta", required=True, help="mean,variance")
parser.add_argument("--out", required=True)
arguments = parser.parse_args()

mean, variance = (float(value) for value in arguments.theta.split(","))
# The same seed gives the same noise at any parameters: this is what makes the differences between them small.
noise = np.random.default_rng(arguments.seed).standard_normal(10)
np.save(arguments.out, mean + np.sqrt(variance) * noise)
