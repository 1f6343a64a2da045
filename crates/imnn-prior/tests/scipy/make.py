#!/usr/bin/env python3
"""Writes laws.json: densities, distribution functions and quantiles of all laws by scipy.

    python3 make.py > laws.json

Made with numpy 2.4.6 and scipy 1.17.1.
"""

import json

import numpy as np
from scipy import special, stats

LAWS = {
    "uniform = [0.1, 0.5]": stats.uniform(0.1, 0.4),
    "uniform = [-1e6, 2e6]": stats.uniform(-1e6, 3e6),
    "normal = [0.3, 2.0]": stats.norm(0.3, 2.0),
    "lognormal = [0.2, 0.7]": stats.lognorm(0.7, scale=np.exp(0.2)),
    "loguniform = [1e-4, 10.0]": stats.loguniform(1e-4, 10.0),
    "truncated_normal = { mean = 0.8, sd = 0.2, low = 0.4, high = 1.3 }": stats.truncnorm(-2, 2.5, 0.8, 0.2),
    "truncated_normal = { mean = 0.0, sd = 1.0, low = 3.0 }": stats.truncnorm(3, np.inf),
    "truncated_normal = { mean = 1.0, sd = 2.0, high = -5.0 }": stats.truncnorm(-np.inf, -3, 1, 2),
    "truncated_normal = [0.0, 1.0, 2.0, 2.1]": stats.truncnorm(2, 2.1),
    "half_normal = 1.5": stats.halfnorm(scale=1.5),
    "beta = [2.0, 5.0]": stats.beta(2, 5),
    "beta = [0.5, 0.5, -1.0, 1.0]": stats.beta(0.5, 0.5, -1, 2),
    "beta = [30.0, 4.5, 0.0, 10.0]": stats.beta(30, 4.5, 0, 10),
    "gamma = [0.5, 2.0]": stats.gamma(0.5, scale=0.5),
    "gamma = [3.0, 0.1]": stats.gamma(3, scale=10),
    "gamma = [200.0, 1.0]": stats.gamma(200),
}

out = []
for law, d in LAWS.items():
    p = [1e-12, 1e-6, 0.01, 0.2, 0.5]
    entry = dict(law=law, p=p, quantile=d.ppf(p).tolist(), upper_quantile=d.isf(p).tolist())
    if law.endswith("low = 3.0 }"):
        # scipy's truncnorm.isf(1e-12) is 7.904041, wrong in its sixth digit; the normal law's own has all of them.
        entry["upper_quantile"] = stats.norm.isf(np.array(p) * stats.norm.sf(3)).tolist()
    if law.startswith("half_normal"):
        # scipy's halfnorm.ppf(1e-12) is wrong in its fourth digit: it goes through (1 + p) / 2.
        entry["quantile"] = (1.5 * np.sqrt(2) * special.erfinv(p)).tolist()
    theta = np.concatenate([d.ppf([0.01, 0.3, 0.5]), d.isf([0.2, 0.01])])
    entry.update(theta=theta.tolist(), ln_density=d.logpdf(theta).tolist(), cdf=d.cdf(theta).tolist(), survival=d.sf(theta).tolist())
    out.append(entry)
print(json.dumps(out, indent=1))
