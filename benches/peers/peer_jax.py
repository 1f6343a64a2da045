"""A present-day JAX IMNN, written for speed: one jitted step, forward-mode tangents, no history arrays.
usage: peer_jax.py {mlp|mlp-gelu|mlp-tanh|mlp-softplus|cnn|pooled} {sim|grad|num} n_s [N filters]
Work that does not fit into a GPU's memory is done in parts, the fewest that fit, each run again for its gradient; PEER_PARTS
is the number to begin with. PEER_TF32=0 keeps products on a GPU exact in f32, where JAX by itself may round them; 1 rounds
them. PEER_DEVICE=gpu refuses a CPU. PEER_LOOP=1 compiles all iterations of a turn into one loop, which Python does not see.
Prints a line of JSON after the first iteration, then one for each line of standard input, a number of iterations."""
import os, sys, time, functools, json
import jax, jax.numpy as jnp
from jax.example_libraries import stax, optimizers
(net, _, activation), kind, n_s = sys.argv[1].partition("-"), sys.argv[2], int(sys.argv[3])
N = int(sys.argv[4]) if len(sys.argv) > 4 else 32
fs = int(sys.argv[5]) if len(sys.argv) > 5 else 16
if os.environ.get("PEER_DEVICE") == "gpu" and jax.devices()[0].platform == "cpu": sys.exit("JAX finds no GPU")
parts = int(os.environ.get("PEER_PARTS", 1))
if "PEER_TF32" in os.environ and jax.devices()[0].platform != "cpu":
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if os.environ["PEER_TF32"] == "1" else "float32")
key = jax.random.PRNGKey(0)
if net == "mlp":
    shape = (10,)
    θ = jnp.array([0., 1.]); δ = jnp.array([.1, .1])
    simulate = lambda k, t: t[0] + jax.random.normal(k, shape) * jnp.sqrt(t[1])
    act = {"": stax.LeakyRelu, "gelu": stax.Gelu, "tanh": stax.Tanh, "softplus": stax.Softplus}[activation]
    init, apply = stax.serial(*(l for _ in range(3) for l in (stax.Dense(128), act)), stax.Dense(2))
else:
    shape = (N, N, 1)
    θ = jnp.array([1., .5]); δ = jnp.array([.1, .1])
    f = jnp.fft.fftfreq(N) * 2 * jnp.pi
    kk = jnp.sqrt(f[:, None] ** 2 + f[None] ** 2); kk = kk.at[0, 0].set(1.)
    def simulate(k, t):
        amp = jnp.sqrt(t[0] * kk ** (-t[1])).at[0, 0].set(0.)
        return jnp.real(jnp.fft.ifft2(jnp.fft.fft2(jax.random.normal(k, (N, N))) * amp)).astype(jnp.float32)[..., None]
    def incept(f, s, full=True):
        b = [stax.Conv(f, (1, 1), s, padding="SAME")]
        if full:
            b += [stax.serial(stax.Conv(f, (1, 1), padding="SAME"), stax.Conv(f, (3, 3), s, padding="SAME")),
                  stax.serial(stax.Conv(f, (1, 1), padding="SAME"), stax.Conv(f, (5, 5), s, padding="SAME"))]
        b += [stax.serial(stax.MaxPool((3, 3), padding="SAME"), stax.Conv(f, (1, 1), s, padding="SAME"))]
        return stax.serial(stax.FanOut(len(b)), stax.parallel(*b), stax.FanInConcat(), stax.LeakyRelu)
    def layer(f, shape=lambda s: s): return lambda key, s: (shape(s), ()), lambda w, x, **_: f(x)
    wrap = layer(lambda x: jnp.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="wrap"), lambda s: (s[0], s[1] + 4, s[2] + 4, s[3]))
    mean = layer(lambda x: x.mean((1, 2)), lambda s: (s[0], s[3]))
    blocks = []; n = N
    while n > 2:
        s = 4 if n >= 8 else 2; blocks.append(incept(fs, (s, s))); n = -(-n // s)
    if n == 2: blocks.append(incept(fs, (2, 2), False))
    if net == "pooled": init, apply = stax.serial(wrap, stax.Conv(fs, (5, 5)), stax.Gelu, mean, stax.Dense(2))
    else: init, apply = stax.serial(*blocks, stax.Conv(2, (1, 1), padding="SAME"), stax.Flatten)
_, w = init(key, shape if net == "mlp" else (1,) + shape)
call = (lambda w, d: apply(w, d))
opt_init, opt_update, get = optimizers.adam(1e-3)
λ, ε = 10., .1
import math
α = -math.log(ε * (λ - 1) + ε ** 2 / (1 + ε)) / ε
def loss_from(x, dμ):
    C = jnp.cov(x, rowvar=False); iC = jnp.linalg.inv(C); F = dμ.T @ iC @ dμ
    s, l = jnp.linalg.slogdet(F)
    Λ2 = jnp.linalg.norm(C - jnp.eye(2)) + jnp.linalg.norm(iC - jnp.eye(2))
    return -s * l + λ * Λ2 / (Λ2 + jnp.exp(-α * Λ2)) * Λ2, F
eye = jnp.eye(2)
def batch_sim(k):
    ks = jax.random.split(k, n_s)
    def one(k): return jax.jvp(lambda t: simulate(k, t), (θ,), (eye[0],)) + (jax.jvp(lambda t: simulate(k, t), (θ,), (eye[1],))[1],)
    d, t0, t1 = jax.vmap(one)(ks); return d, jnp.stack([t0, t1])
def in_parts(f, w, d, t, parts):
    """f(w, d, t) -> (x, dμ) over all simulations; of t they are the second axis where it holds tangents, else the first."""
    if parts == 1: return f(w, d, t)
    cut = lambda a: a.reshape((parts, -1) + a.shape[1:])
    t = cut(t) if kind == "num" else jnp.moveaxis(t.reshape((2, parts, -1) + shape), 1, 0)
    x, dμ = jax.lax.map(jax.checkpoint(lambda dt: f(w, *dt)), (cut(d), t))
    return x.reshape((n_s, 2)), dμ.mean(0)
def tangents(w, d, t):
    f = lambda d: call(w, d)
    x, lin = jax.linearize(f, d)
    return x, jnp.stack([lin(t[i]).mean(0) for i in range(2)], -1)
def differences(w, d, dmp):
    n = len(d); x = call(w, jnp.concatenate([d, dmp.reshape((-1,) + shape)]))
    mp = x[n:].reshape((n, 2, 2, 2))
    return x[:n], ((mp[:, 1] - mp[:, 0]) / δ[None, :, None]).mean(0).T
def tangent_loss(w, d, t, parts): return loss_from(*in_parts(tangents, w, d, t, parts))
def num_loss(w, d, dmp, parts): return loss_from(*in_parts(differences, w, d, dmp, parts))
if kind == "sim":
    def step(parts, i, st, k):
        d, t = batch_sim(k); g, F = jax.grad(tangent_loss, has_aux=True)(get(st), d, t, parts); return opt_update(i, g, st), F
elif kind == "grad":
    D, T = jax.jit(batch_sim)(key)
    def step(parts, i, st, k): g, F = jax.grad(tangent_loss, has_aux=True)(get(st), D, T, parts); return opt_update(i, g, st), F
else:
    ks = jax.random.split(key, n_s); D = jax.vmap(lambda k: simulate(k, θ))(ks)
    lo, hi = θ - jnp.diag(δ) / 2, θ + jnp.diag(δ) / 2
    MP = jax.vmap(lambda k: jnp.stack([jax.vmap(lambda t: simulate(k, t))(lo), jax.vmap(lambda t: simulate(k, t))(hi)]))(ks)
    def step(parts, i, st, k): g, F = jax.grad(num_loss, has_aux=True)(get(st), D, MP, parts); return opt_update(i, g, st), F
st = opt_init(w); first = None
for n in [n for n in range(parts, n_s + 1) if n_s % n == 0]:
    try:
        one = jax.jit(functools.partial(step, n)); first = jax.block_until_ready(one(0, st, key)); break
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error): raise
if first is None: sys.exit("not even one simulation at a time fits into memory")
step, first, loop = one, None, os.environ.get("PEER_LOOP") == "1"
@jax.jit
def turn(m, st, F): return jax.lax.fori_loop(0, m, lambda i, c: one(i, c[0], jax.random.fold_in(key, i)), (st, F))
if loop: st, F = jax.block_until_ready(turn(1, *one(0, st, key)))
many = ("" if n == 1 else f" in {n} parts") + (", one loop" if loop else "")
print(json.dumps({"name": f"JAX {jax.__version__}{many}", "device": jax.devices()[0].platform}), flush=True)
for line in sys.stdin:
    t0 = time.perf_counter()
    if loop: st, F = turn(int(line), st, F)
    else:
        for i in range(int(line)): st, F = step(i, st, jax.random.fold_in(key, i))
    jax.block_until_ready((st, F)); seconds = time.perf_counter() - t0
    print(json.dumps({"seconds": seconds, "det_f": float(jnp.linalg.det(F))}), flush=True)
