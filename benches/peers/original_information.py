"""The original package (PyPI imnn 0.3.2) on mean and variance: the share of the exact information it has found, and when.
usage: original_information.py {leaky_relu|gelu}
For each line of standard input, a number of iterations: trains so many more and prints a line of JSON with the CPU seconds
(without compilation and measurements), iterations, and the share of det F on 100,000 fresh simulations, against that of the
sufficient statistics on the same ones."""
import json, os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))
import shim  # renames what JAX has moved since, before imnn is imported
import jax, jax.numpy as np
from jax.example_libraries import stax, optimizers
import imnn

activation = {"leaky_relu": stax.LeakyRelu, "gelu": stax.Gelu}[sys.argv[1]]
shape, n_s, n_fresh = (10,), 1000, 100_000
θ = np.array([0., 1.])
def simulator(rng, θ): return θ[0] + jax.random.normal(rng, shape=shape) * np.sqrt(θ[1])
model = stax.serial(*[layer for _ in range(3) for layer in (stax.Dense(128), activation)], stax.Dense(2))
network = imnn.SimulatorIMNN(
    n_s=n_s, n_d=n_s, n_params=2, n_summaries=2, input_shape=shape, θ_fid=θ, model=model, simulator=simulator,
    optimiser=optimizers.adam(step_size=1e-3), key_or_state=jax.random.PRNGKey(0))
key = jax.random.PRNGKey(1)

def fit(n):
    """Trains, in CPU seconds; each call compiles anew, which a call of one iteration beside it takes away."""
    global key
    key, now = jax.random.split(key)
    start = time.process_time()
    network.fit(10., 0.1, rng=now, min_iterations=n, max_iterations=n, patience=n + 1, best=False)
    return time.process_time() - start

def log_det_f(summary):
    """ln det F of a function of one simulation, on fresh simulations with exact derivatives."""
    keys = np.array(jax.random.split(jax.random.PRNGKey(99), n_fresh))
    at = lambda k, θ: summary(simulator(k, θ))
    x = jax.lax.map(lambda k: jax.vmap(lambda k: at(k, θ))(k), keys.reshape(100, -1, 2)).reshape(n_fresh, -1)
    dx = jax.lax.map(lambda k: jax.vmap(lambda k: jax.jacfwd(at, 1)(k, θ))(k), keys.reshape(100, -1, 2))
    dmu = dx.reshape(n_fresh, -1, 2).mean(0)
    return np.linalg.slogdet(dmu.T @ np.linalg.inv(np.cov(x.T)) @ dmu)[1]

exact = log_det_f(lambda d: np.array([d.sum(), (d**2).sum()]))
seconds = iterations = 0
for line in sys.stdin:
    one, more = fit(1), fit(1 + int(line))
    seconds, iterations = seconds + more - one, iterations + 2 + int(line)
    found = log_det_f(lambda d: network.model(network.final_w, d[None])[0])
    print(json.dumps({"seconds": seconds, "iterations": iterations, "share": float(np.exp(found - exact))}), flush=True)
