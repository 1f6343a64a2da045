"""Reference numbers for information maximising neural networks (IMNN).

Everything is computed by the methods of the PyPI package imnn 0.3.2 running on jax 0.4.30 (CPU).

    pip install imnn==0.3.2 jax==0.4.30 jaxlib==0.4.30
    JAX_PLATFORMS=cpu python make.py            # writes the files and manifest.json next to this file
    python check.py --write                     # recomputes everything, adds the rounding errors to manifest.json

shim.py only restores names which newer JAX releases moved or removed.
"""
import os, sys, json, subprocess
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
F32 = "--f32" in sys.argv
import shim  # noqa: F401
import jax
jax.config.update("jax_enable_x64", not F32)
import jax.numpy as jnp
import numpy as np
from jax.example_libraries import stax, optimizers
import imnn

FT = np.float32 if F32 else np.float64
MANIFEST = {}


def r32(a):
    """Round to the nearest float32 but keep float64, so that a float32 program can hold the inputs exactly."""
    return np.asarray(a, np.float32).astype(np.float64)


def save(name, case, arrays, ft=None):
    ft = ft or np.float64
    out = {}
    for k, v in arrays.items():
        assert k.isascii(), k
        a = np.asarray(v)
        if a.dtype.kind in "biu":
            a = a.astype(np.int64)
        elif k in ("lambda", "epsilon", "alpha", "step_size"):
            a = a.astype(np.float64)
        else:
            assert a.dtype == ft, (k, a.dtype)
        assert np.all(np.isfinite(a)), (name, k)
        out[k] = np.array(a, order="C")
    path = os.path.join(HERE, name + ".npz")
    np.savez(path, **out)
    m = dict(case)
    m["keys"] = {k: [str(v.dtype), list(v.shape)] for k, v in out.items()}
    MANIFEST[name + ".npz"] = m
    print(f"{name}.npz  {os.path.getsize(path)} bytes", flush=True)


# ------------------------------------------------------------------ network description -> stax
ACT = {"tanh": stax.Tanh, "relu": stax.Relu, "softplus": stax.Softplus, "sigmoid": stax.Sigmoid,
       "elu": stax.Elu, "leaky_relu": stax.LeakyRelu}
ACT_CODE = {"leaky_relu": 1, "tanh": 2, "relu": 3, "softplus": 4, "sigmoid": 5, "elu": 6}


def dense(n): return {"type": "dense", "out": n}
def act(a): return {"type": "activation", "name": a}
def conv(n, k, s=(1, 1), p="SAME"):
    return {"type": "conv2d", "out": n, "kernel": list(k), "strides": list(s), "padding": p}
def pool(k=(3, 3)): return {"type": "max_pool2d", "window": list(k), "strides": [1, 1], "padding": "SAME"}
def flatten(): return {"type": "flatten"}
def incept(f, s, do5=True, do3=True, a="leaky_relu"):
    b = [[conv(f, (1, 1), s)]]
    if do3: b.append([conv(f, (1, 1)), conv(f, (3, 3), s)])
    if do5: b.append([conv(f, (1, 1)), conv(f, (5, 5), s)])
    b.append([pool(), conv(f, (1, 1), s)])
    return [{"type": "parallel_concat_channels", "branches": b}, act(a)]


def build(spec, count=None):
    """stax model of a description; fills in 'params', the index of the layer's weight and bias arrays."""
    top = count is None
    count = count if count is not None else [0]
    layers = []
    for l in spec:
        t = l["type"]
        if t in ("dense", "conv2d"):
            l["params"] = count[0]; count[0] += 1
        if t == "dense": layers.append(stax.Dense(l["out"]))
        elif t == "activation": layers.append(ACT[l["name"]])
        elif t == "conv2d":
            layers.append(stax.Conv(l["out"], tuple(l["kernel"]), tuple(l["strides"]), padding=l["padding"]))
        elif t == "max_pool2d": layers.append(stax.MaxPool(tuple(l["window"]), padding=l["padding"]))
        elif t == "flatten": layers.append(stax.Flatten)
        elif t == "parallel_concat_channels":
            br = [build(b, count) for b in l["branches"]]
            layers += [stax.FanOut(len(br)), stax.parallel(*br), stax.FanInConcat()]
        else: raise ValueError(t)
    return stax.serial(*layers)


def image_model(model, shape, n_out):
    """Upstream's class sees flattened images (any leading batch shape); the stax network sees NHWC."""
    n = int(np.prod(shape))
    def init(key, s):
        _, p = model[0](key, (1,) + tuple(shape))
        return (n_out,), p
    def apply(w, d, **kw):
        lead = d.shape[:-1]
        return model[1](w, d.reshape((-1,) + tuple(shape))).reshape(lead + (n_out,))
    return init, apply


def named(tree, prefix="layers"):
    out = {}
    for i, a in enumerate(jax.tree_util.tree_leaves(tree)):
        a = np.asarray(a)
        if i % 2: a = a.reshape(-1)                        # conv bias (1,1,1,out) -> (out,)
        out[f"{prefix}/{i // 2}/{'bias' if i % 2 else 'weight'}"] = a
    return out


def random_weights(model, in_shape, seed, bias_scale=None):
    """stax initial weights, rounded to float32; bias_scale replaces the tiny default biases."""
    _, w = model[0](jax.random.PRNGKey(seed), in_shape)
    rng = np.random.default_rng(seed)
    leaves, tree = jax.tree_util.tree_flatten(w)
    new = []
    for i, a in enumerate(leaves):
        a = np.asarray(a)
        if i % 2 and bias_scale is not None:
            a = bias_scale * rng.normal(size=a.shape)
        new.append(jnp.asarray(r32(a)))
    return jax.tree_util.tree_unflatten(tree, new)


# ------------------------------------------------------------------ 1. statistics and loss
def identity_model(n):
    return (lambda key, s: ((n,), []), lambda w, d, **kw: d)


def stats_case(name, seed, n_s, n_d, n_sum, n_par, lam=10., eps=0.1, transform=None, scale=1.,
               numerical=False, what=""):
    rng = np.random.default_rng(seed)
    A = np.eye(n_sum) + 0.4 * rng.normal(size=(n_sum, n_sum))
    b = rng.normal(size=n_sum)
    x = rng.normal(size=(n_s, n_sum)) @ A + b
    if transform is not None:
        x = transform(rng, x)
    D = rng.normal(size=(n_sum, n_par)) + np.eye(n_sum, n_par)
    x = r32(scale * x)
    common = dict(n_s=n_s, n_d=n_d, n_params=n_par, n_summaries=n_sum, input_shape=(n_sum,),
                  θ_fid=jnp.asarray(r32(rng.normal(size=n_par))), model=identity_model(n_sum),
                  optimiser=optimizers.adam(1e-3), key_or_state=jax.random.PRNGKey(0), fiducial=jnp.asarray(x))
    o = {"x": x}
    if numerical:
        delta = r32(0.05 + 0.3 * rng.random(n_par))
        base = rng.normal(size=(n_d, 1, 1, n_sum)) @ A + b
        half = 0.5 * (D.T * delta[:, None])[None, None]
        sign = np.array([-1., 1.])[None, :, None, None]
        x_mp = r32(scale * (base + sign * half * (1 + 0.3 * rng.normal(size=(n_d, 1, n_par, n_sum)))
                            + 0.01 * rng.normal(size=(n_d, 2, n_par, n_sum))))
        I = imnn.NumericalGradientIMNN(**common, derivative=jnp.asarray(x_mp), δθ=jnp.asarray(delta))
        second = jnp.asarray(x_mp)
        o["x_mp"] = x_mp; o["delta_theta"] = delta; o["dx"] = np.asarray(I._construct_derivatives(second))
    else:
        dx = r32(scale * (D[None] + 0.5 * rng.normal(size=(n_d, n_sum, n_par))))
        I = imnn.GradientIMNN(**common, derivative=jnp.asarray(dx))
        second = jnp.asarray(dx)
        o["dx"] = dx
    x_test = r32(scale * (rng.normal(size=(5, n_sum)) @ A + b + 0.5))
    alpha = I.get_α(lam, eps)
    xj = jnp.asarray(x)
    F, C, invC, dmu, mu = I._calculate_F_statistics(xj, second)
    l2 = I._get_regularisation(C, invC)
    r = I._get_regularisation_strength(l2, lam, alpha)
    (loss, aux), (gx, g2) = jax.value_and_grad(I._calculate_loss, argnums=(0, 1), has_aux=True)(
        xj, second, lam, alpha)
    hist = I._update_history((F, C, invC, l2, r), tuple(jnp.zeros((1, 1)) for _ in range(5)), 0, 0)
    I.set_F_statistics()
    o.update({"n_s": n_s, "n_d": n_d, "n_summaries": n_sum, "n_params": n_par, "lambda": lam, "epsilon": eps,
              "alpha": alpha, "theta_fid": I.θ_fid, "mu": mu, "C": C, "invC": invC, "dmu_dtheta": dmu, "F": F,
              "invF": I.invF, "lambda2": l2, "r": r, "lndetF": I._slogdet(F), "loss": loss, "dloss_dx": gx,
              ("dloss_dx_mp" if numerical else "dloss_ddx"): g2, "detF": hist[0][0, 0], "detC": hist[1][0, 0],
              "detinvC": hist[2][0, 0], "x_test": x_test, "estimate": I.get_estimate(jnp.asarray(x_test))})
    assert np.allclose(np.asarray(aux[0]), np.asarray(F)) and np.allclose(I.F, F) and np.allclose(I.C, C)
    save(name, {"kind": "stats", "what": what, "class":
                        "NumericalGradientIMNN" if numerical else "GradientIMNN"}, o)


def near_singular(size):
    def f(rng, x):
        x = x.copy()
        x[:, -1] = x[:, :-1].sum(1) + size * x[:, -1]
        return x
    return f


def near_identity(size):
    def f(rng, x):
        C = np.cov(x, rowvar=False)
        x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(C)).T
        return x @ (np.eye(x.shape[1]) + size * rng.normal(size=(x.shape[1],) * 2)) + 0.3
    return f


def all_stats():
    s = lambda *a, **k: stats_case(*a, **k)
    s("stats_1s1p", 11, 20, 20, 1, 1, what="1 summary, 1 parameter")
    s("stats_2s2p", 12, 50, 50, 2, 2, what="2 summaries, 2 parameters")
    s("stats_3s2p", 13, 40, 40, 3, 2, lam=5., eps=0.2, what="3 summaries, 2 parameters")
    s("stats_5s5p", 14, 60, 60, 5, 5, lam=20., eps=0.01, what="5 summaries, 5 parameters")
    s("stats_nd_lt_ns", 15, 40, 15, 4, 3, lam=10., eps=0.05, what="fewer derivatives than simulations")
    s("stats_near_singular", 16, 50, 50, 3, 2, transform=near_singular(0.1),
      what="nearly singular covariance (third summary is the sum of the others plus a small part)")
    s("stats_near_singular_extreme", 16, 50, 50, 3, 2, transform=near_singular(5e-3),
      what="the same, closer to singular; needs the wider tolerances of its manifest entry")
    s("stats_near_identity", 17, 80, 80, 2, 2, transform=near_identity(0.03),
      what="covariance close to identity, so r is in its transition")
    s("stats_large", 18, 50, 50, 2, 2, scale=1e3, what="x and dx times 1e3")
    s("stats_small", 18, 50, 50, 2, 2, scale=1e-3, what="x and dx times 1e-3")
    s("stats_negative_alpha", 19, 60, 60, 2, 2, lam=100., eps=0.1, transform=near_identity(0.05),
      what="lambda=100, epsilon=0.1, for which alpha is negative")
    s("stats_numerical_2p", 20, 50, 50, 2, 2, numerical=True, what="numerical derivative, 2 parameters")
    s("stats_numerical_3p", 21, 60, 30, 4, 3, lam=5., eps=0.1, numerical=True,
      what="numerical derivative, 3 parameters, 4 summaries, n_d < n_s")


# ------------------------------------------------------------------ 2. networks
def net_case(name, seed, spec, in_shape, n_out, n_par, n, lam=10., eps=0.1, n_d=None, activation=None,
             what=""):
    n_d = n_d or n
    rng = np.random.default_rng(seed)
    model = build(spec)
    flat = int(np.prod(in_shape))
    if len(in_shape) == 1:
        w = random_weights(model, tuple(in_shape), seed, 0.2)
    else:
        w = random_weights(model, (1,) + tuple(in_shape), seed, 0.2)
        model = image_model(model, in_shape, n_out)
    d = r32(rng.normal(size=(n,) + tuple(in_shape)))
    # scale the last layer so that the outputs have a variance of order one and both parts of the loss matter
    leaves, tree = jax.tree_util.tree_flatten(w)
    out = np.asarray(model[1](w, jnp.asarray(d.reshape(n, flat))))
    leaves[-2] = jnp.asarray(r32(np.asarray(leaves[-2]) * 1.2 / np.sqrt(np.mean(np.var(out, axis=0)))))
    w = jax.tree_util.tree_unflatten(tree, leaves)
    mean = rng.normal(size=tuple(in_shape) + (n_par,))
    dd = r32(mean + 0.5 * rng.normal(size=(n_d,) + tuple(in_shape) + (n_par,)))
    opt = optimizers.adam(1e-3)
    I = imnn.GradientIMNN(n_s=n, n_d=n_d, n_params=n_par, n_summaries=n_out, input_shape=(flat,),
                          θ_fid=jnp.zeros(n_par), model=model, optimiser=opt, key_or_state=opt.init_fn(w),
                          fiducial=jnp.asarray(d.reshape(n, flat)),
                          derivative=jnp.asarray(dd.reshape(n_d, flat, n_par)))
    alpha = I.get_α(lam, eps)
    x, dx = I.get_summaries(w)
    F, C, invC, dmu, mu = I._calculate_F_statistics(x, dx)
    (loss, (F, C, invC, l2, r)), g = jax.value_and_grad(I._get_loss, has_aux=True)(w, lam, alpha)
    gx, gdx = jax.grad(I._calculate_loss, argnums=(0, 1), has_aux=True)(x, dx, lam, alpha)[0]
    hist = I._update_history((F, C, invC, l2, r), tuple(jnp.zeros((1, 1)) for _ in range(5)), 0, 0)
    o = {"n_s": n, "n_d": n_d, "n_summaries": n_out, "n_params": n_par, "input_shape": np.array(in_shape),
         "lambda": lam, "epsilon": eps, "alpha": alpha, "d": d, "dd": dd, "x": x, "dx": dx, "mu": mu, "C": C,
         "invC": invC, "dmu_dtheta": dmu, "F": F, "detF": hist[0][0, 0], "detC": hist[1][0, 0],
         "detinvC": hist[2][0, 0], "lambda2": l2, "r": r, "loss": loss, "dloss_dx": gx, "dloss_ddx": gdx}
    if activation:
        o["activation_code"] = ACT_CODE[activation]
        o["activation_name"] = np.array([ord(c) for c in activation])
    o.update(named(w)); o.update(named(g, "grad"))
    case = {"kind": "net", "what": what, "class": "GradientIMNN", "input_shape": list(in_shape), "network": spec}
    if activation: case["activation"] = activation
    save(name, case, o)


def mlp(widths, a):
    a = [a] * (len(widths) - 1) if isinstance(a, str) else a
    out = []
    for n, f in zip(widths[:-1], a): out += [dense(n), act(f)]
    return out + [dense(widths[-1])]


def all_nets():
    net_case("net_dense_leaky_relu", 31, mlp([16, 16, 2], "leaky_relu"), (10,), 2, 2, 30,
             activation="leaky_relu", what="dense network with LeakyRelu")
    for i, a in enumerate(["tanh", "relu", "softplus", "sigmoid", "elu"]):
        net_case("net_dense_" + a, 32 + i, mlp([12, 9, 2], a), (10,), 2, 2, 24, activation=a,
                 what="dense network with " + a)
    net_case("net_conv", 40, [conv(4, (3, 3), (2, 2)), act("leaky_relu"), conv(6, (5, 5), (2, 2)),
             act("leaky_relu"), flatten(), dense(2)], (8, 8, 1), 2, 2, 16, activation="leaky_relu",
             what="convolutions with stride 2 and SAME padding")
    net_case("net_inception", 41, incept(4, (4, 4)) + incept(4, (2, 2)) + incept(4, (2, 2), False, False)
             + [conv(2, (1, 1)), flatten()], (16, 16, 1), 2, 2, 16, activation="leaky_relu",
             what="inception blocks, 16x16 -> 4x4 -> 2x2 -> 1x1, then a 1x1 convolution to 2 channels")


# ------------------------------------------------------------------ 3. fitting
def fit_data(kind, seed, n_s, n_d, n_in, theta, delta, validation=True):
    """d = theta_0 + theta_2 t + sqrt(theta_1) z, z ~ N(0,1), t from -1 to 1 (theta_2 only if 3 parameters)."""
    rng = np.random.default_rng(seed)
    t = np.linspace(-1, 1, n_in)
    def sim(z, th):
        return th[0] + np.sqrt(th[1]) * z + (th[2] * t if len(th) > 2 else 0.)
    out = {}
    for pre in ([""] if not validation else ["", "validation_"]):
        z = rng.normal(size=(n_s, n_in))
        out[pre + "fiducial"] = r32(sim(z, theta))
        zd = z[:n_d]
        if kind == "gradient":
            g = [np.ones_like(zd), zd / (2 * np.sqrt(theta[1]))]
            if len(theta) > 2: g.append(np.broadcast_to(t, zd.shape))
            out[pre + "derivative"] = r32(np.stack(g, -1))
        else:
            mp = np.zeros((n_d, 2, len(theta), n_in))
            for s, sg in enumerate((-0.5, 0.5)):
                for p in range(len(theta)):
                    th = np.array(theta, float); th[p] += sg * delta[p]
                    mp[:, s, p] = sim(zd, th)
            out[pre + "derivative"] = r32(mp)
    tt = np.array(theta) + np.array([0.5, 0.6, 0.4][:len(theta)]) * rng.uniform(-1, 1, size=(5, len(theta)))
    tt[:, 1] = np.abs(tt[:, 1]) + 0.1
    out["target"] = r32(np.stack([sim(rng.normal(size=n_in), th) for th in tt]))
    out["target_theta"] = r32(tt)
    return out


FITS = []
def fit(name, **k): FITS.append((name, k))


def run_fit(name, kind, seed, spec, n_s, n_d, n_in, theta=(0., 1.), delta=(0.1, 0.1), lam=10., eps=0.1,
            step=1e-3, iters=60, patience=1000, min_iterations=60, best=False, validation=True, what="",
            snapshots=(1, 10), calls=1):
    n_par = len(theta); n_out = spec[-1]["out"]
    model = build(spec)
    if F32:        # same data and same initial weights: both are exactly representable in float32
        src = np.load(os.path.join(HERE, f"fit_{name}.npz"))
        data = {k: src[k].astype(np.float32) for k in src.files if k in (
            "fiducial", "derivative", "validation_fiducial", "validation_derivative", "target", "target_theta")}
        leaves = []
        _, w = model[0](jax.random.PRNGKey(0), (n_in,))
        tree = jax.tree_util.tree_structure(w)
        for i in range(tree.num_leaves // 2):
            leaves += [src[f"initial/{i}/weight"].astype(np.float32), src[f"initial/{i}/bias"].astype(np.float32)]
        w = jax.tree_util.tree_unflatten(tree, [jnp.asarray(a) for a in leaves])
    else:
        data = fit_data(kind, seed, n_s, n_d, n_in, theta, delta, validation)
        w = random_weights(model, (n_in,), seed)
    opt = optimizers.adam(step_size=step)
    delta32 = np.asarray(r32(delta), FT); theta32 = np.asarray(r32(theta), FT)

    def make():
        k = dict(n_s=n_s, n_d=n_d, n_params=n_par, n_summaries=n_out, input_shape=(n_in,),
                 θ_fid=jnp.asarray(theta32), model=model, optimiser=opt, key_or_state=opt.init_fn(w),
                 **{a: jnp.asarray(data[a]) for a in data if not a.startswith("target")})
        I = imnn.GradientIMNN(**k) if kind == "gradient" else \
            imnn.NumericalGradientIMNN(**k, δθ=jnp.asarray(delta32))
        # upstream starts the record from a float32 zero, which a float64 while_loop refuses
        I.history["max_detF"] = jnp.asarray(0., FT)
        return I
    I = make()
    for _ in range(calls):
        I.fit(lam, eps, patience=patience, min_iterations=min_iterations, max_iterations=iters, best=best)
    h = I.history
    o = {"n_s": n_s, "n_d": n_d, "n_params": n_par, "n_summaries": n_out, "n_inputs": n_in, "lambda": lam,
         "epsilon": eps, "alpha": I.get_α(lam, eps), "step_size": step, "patience": patience,
         "min_iterations": min_iterations, "max_iterations": iters, "calls": calls, "best": int(best),
         "validation": int(validation), "numerical": int(kind == "numerical"), "theta_fid": theta32}
    if kind == "numerical": o["delta_theta"] = delta32
    o.update({k: np.asarray(v, FT) for k, v in data.items()})
    names = {"Λ2": "lambda2"}
    for k in ("detF", "detC", "detinvC", "Λ2", "r"):
        o["history/" + names.get(k, k)] = h[k]
        if validation: o["history/val_" + names.get(k, k)] = h["val_" + k]
    o["history/max_detF"] = h["max_detF"]
    o["iterations"] = int(h["detF"].shape[0])
    o["best_iteration"] = int(np.argmax(np.asarray(h["val_detF"] if validation else h["detF"])))
    o.update(named(w, "initial")); o.update(named(I.final_w, "final")); o.update(named(I.best_w, "best_w"))
    o.update({"F": I.F, "invF": I.invF, "C": I.C, "invC": I.invC, "mu": I.μ, "dmu_dtheta": I.dμ_dθ,
              "estimate": I.get_estimate(jnp.asarray(data["target"]))})
    for s in snapshots:
        if s < o["iterations"]:
            J = make()
            J.fit(lam, eps, patience=10 ** 6, min_iterations=s, max_iterations=s, best=False)
            o.update(named(J.final_w, f"after_{s}"))
    case = {"kind": "fit", "what": what, "network": spec, "float": str(np.dtype(FT)),
            "class": "GradientIMNN" if kind == "gradient" else "NumericalGradientIMNN"}
    save(("fit32_" if F32 else "fit_") + name, case, o, FT)
    v = np.asarray(h["val_detF"] if validation else h["detF"])
    print("   iterations", o["iterations"], "best", o["best_iteration"], "detF first/last", float(v[0]),
          float(v[-1]), "max", float(v.max()), flush=True)


def declare_fits():
    net = lambda: mlp([32, 32, 2], "leaky_relu")
    fit("gradient", kind="gradient", seed=51, spec=net(), n_s=200, n_d=200, n_in=10,
        what="GradientIMNN with a validation set, best=False")
    fit("gradient_fewer_derivatives", kind="gradient", seed=52, spec=net(), n_s=200, n_d=100, n_in=10, best=True,
        what="GradientIMNN with a validation set, n_d=100 < n_s=200, best=True")
    fit("numerical", kind="numerical", seed=53, spec=net(), n_s=200, n_d=200, n_in=10,
        what="NumericalGradientIMNN with a validation set, best=False")
    fit("early_stop", kind="gradient", seed=84, spec=net(), n_s=200, n_d=200, n_in=10, best=True, step=5e-2,
        iters=60, patience=6, min_iterations=5,
        what="GradientIMNN with a validation set, stops early after the patience counter was reset twice, best=True")
    fit("early_stop_at_minimum", kind="numerical", seed=62, spec=net(), n_s=200, n_d=100, n_in=10, best=False,
        step=5e-3, iters=60, patience=4, min_iterations=20,
        what="NumericalGradientIMNN with a validation set, n_d=100 < n_s=200, stops as soon as min_iterations allows")
    fit("no_validation", kind="gradient", seed=202, spec=net(), n_s=200, n_d=200, n_in=10, best=True, step=5e-2,
        patience=3, min_iterations=5, validation=False,
        what="GradientIMNN without a validation set, stops early, best=True")
    fit("two_calls", kind="numerical", seed=56, spec=net(), n_s=200, n_d=200, n_in=10, best=True, iters=10,
        calls=2, snapshots=(1,), what="NumericalGradientIMNN with a validation set, fit called twice, 10 iterations each")


if __name__ == "__main__":
    only = [a for a in sys.argv[1:] if not a.startswith("--")]
    if not F32:
        if not only or "stats" in only: all_stats()
        if not only or "nets" in only: all_nets()
    declare_fits()
    if not only or "fits" in only:
        for name, k in FITS: run_fit(name, **k)
    if F32:
        json.dump(MANIFEST, open(os.path.join(HERE, "manifest_f32.json"), "w"))
    else:
        if not only or "fits" in only:
            subprocess.run([sys.executable, os.path.abspath(__file__), "--f32", "fits"], check=True)
            MANIFEST.update(json.load(open(os.path.join(HERE, "manifest_f32.json"))))
            os.remove(os.path.join(HERE, "manifest_f32.json"))
        if not only:
            json.dump(MANIFEST, open(os.path.join(HERE, "manifest.json"), "w"), indent=1)
