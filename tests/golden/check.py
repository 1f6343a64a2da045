"""Independent check of the files written by make.py: numpy only, nothing of imnn or jax is used.

stats_*: every number again in 80-bit arithmetic, and dloss_dx by central differences.
net_*:   naive forward pass (dense, convolution, max-pool), dx by a complex step, loss gradient by directional
         central differences, and for dense networks the whole gradient by hand-written back-propagation.
fit_*:   the complete training run again in numpy (back-propagation, Adam, early stopping).
fit32_*: compared with fit_*.

    python check.py             # fails on a difference
    python check.py --write     # and writes the rounding errors of stats_* into manifest.json
"""
import os, sys, json, math
import numpy as np
HERE = os.path.dirname(os.path.abspath(__file__))
L = np.longdouble


def inv(A):
    A = np.array(A); n = len(A); M = np.concatenate([A, np.eye(n, dtype=A.dtype)], 1)
    for i in range(n):
        p = i + int(np.argmax(np.abs(M[i:, i]))); M[[i, p]] = M[[p, i]]
        M[i] = M[i] / M[i, i]
        for j in range(n):
            if j != i: M[j] = M[j] - M[j, i] * M[i]
    return M[:, n:]


def det(A):
    A = np.array(A); n = len(A); d = A.dtype.type(1)
    for i in range(n):
        p = i + int(np.argmax(np.abs(A[i:, i])))
        if p != i: A[[i, p]] = A[[p, i]]; d = -d
        d = d * A[i, i]
        for j in range(i + 1, n): A[j] = A[j] - A[j, i] / A[i, i] * A[i]
    return d


def alpha_of(lam, eps):
    return -math.log(eps * (lam - 1.) + eps ** 2 / (1 + eps)) / eps


def statistics(x, dx, lam, alpha, gradient=True):
    n_s = len(x); T = x.dtype.type
    mu = x.sum(0) / T(n_s); xc = x - mu
    C = xc.T @ xc / T(n_s - 1); iC = inv(C)
    dmu = dx.sum(0) / T(len(dx))
    F = dmu.T @ iC @ dmu; iF = inv(F)
    I = np.eye(len(C), dtype=x.dtype)
    a, b = np.sqrt(((C - I) ** 2).sum()), np.sqrt(((iC - I) ** 2).sum())
    l2 = a + b
    with np.errstate(over="ignore", under="ignore"): e = np.exp(-T(alpha) * l2)
    r = T(lam) * l2 / (l2 + e)
    lnd = np.log(np.abs(det(F)))
    o = dict(mu=mu, C=C, invC=iC, dmu_dtheta=dmu, F=F, invF=iF, lambda2=l2, r=r, lndetF=lnd, loss=-lnd + r * l2,
             detF=det(F), detC=det(C), detinvC=det(iC))
    if gradient:
        dl = T(lam) * (2 * l2 * (l2 + e) - l2 ** 2 * (1 - T(alpha) * e)) / (l2 + e) ** 2      # d(r l2)/d l2
        G = iC @ dmu @ iF @ dmu.T @ iC + dl * ((C - I) / a - iC @ (iC - I) @ iC / b)
        o["dloss_dx"] = 2 * xc @ G / T(n_s - 1)
        o["dloss_ddx"] = np.broadcast_to(-2 * iC @ dmu @ iF / T(len(dx)), dx.shape)
    return o


def rel(a, b):
    a = np.asarray(a, L); b = np.asarray(b, L)
    s = np.abs(b).max()
    return float(np.abs(a - b).max() / (s if s > 0 else 1))


def check_stats(f, z):
    lam, alpha = float(z["lambda"]), alpha_of(float(z["lambda"]), float(z["epsilon"]))
    worst = {"alpha": abs(alpha - float(z["alpha"])) / abs(alpha)}
    x = z["x"].astype(L)
    if "x_mp" in z:
        m = z["x_mp"].astype(L); dt = z["delta_theta"].astype(L)
        dx = np.swapaxes(m[:, 1] - m[:, 0], 1, 2) / dt
        worst["dx"] = rel(z["dx"], dx)
    else:
        dx = z["dx"].astype(L)
    o = statistics(x, dx, lam, L(float(z["alpha"])))
    if "x_mp" in z:
        g = np.swapaxes(o.pop("dloss_ddx") / dt, 1, 2)
        o["dloss_dx_mp"] = np.stack([-g, g], 1)
    o["estimate"] = z["theta_fid"] + (z["x_test"].astype(L) - o["mu"]) @ o["invC"] @ o["dmu_dtheta"] @ o["invF"].T
    for k, v in o.items(): worst[k] = rel(z[k], v)
    # central differences of the loss for a few entries of x
    rng = np.random.default_rng(0); fd = 0.
    for _ in range(6):
        i, j = rng.integers(x.shape[0]), rng.integers(x.shape[1]); h = L(1e-6) * np.abs(x).max()
        up, dn = x.copy(), x.copy(); up[i, j] += h; dn[i, j] -= h
        d = (statistics(up, dx, lam, L(float(z["alpha"])), False)["loss"]
             - statistics(dn, dx, lam, L(float(z["alpha"])), False)["loss"]) / (2 * h)
        fd = max(fd, float(abs(d - z["dloss_dx"][i, j]) / np.abs(z["dloss_dx"]).max()))
    k = max(worst, key=worst.get)
    cond = np.linalg.cond(z["C"])
    print(f"{f:36s} worst {k:12s} {worst[k]:.1e}   cond(C) {cond:.1e}  lambda2 {float(z['lambda2']):.3g} "
          f"r {float(z['r']):.3g} loss {float(z['loss']):.4g}  finite differences {fd:.0e}")
    assert fd < 1e-4, f
    return {a: float(f"{b:.1e}") for a, b in worst.items()}


# ---------------------------------------------------------------- networks
def select(c, a, b): return np.where(c, a, b)
def sig(v): return 1 / (1 + np.exp(-v))
ACT = {   # value, first and second derivative (complex arguments allowed)
    "leaky_relu": (lambda v: select(v.real >= 0, v, 0.01 * v), lambda v: select(v.real >= 0, 1., 0.01), lambda v: 0. * v),
    "relu": (lambda v: select(v.real > 0, v, 0 * v), lambda v: select(v.real > 0, 1., 0.), lambda v: 0. * v),
    "tanh": (np.tanh, lambda v: 1 - np.tanh(v) ** 2, lambda v: -2 * np.tanh(v) * (1 - np.tanh(v) ** 2)),
    "softplus": (lambda v: np.log(1 + np.exp(v)), sig, lambda v: sig(v) * (1 - sig(v))),
    "sigmoid": (sig, lambda v: sig(v) * (1 - sig(v)), lambda v: sig(v) * (1 - sig(v)) * (1 - 2 * sig(v))),
    "elu": (lambda v: select(v.real > 0, v, np.exp(v) - 1), lambda v: select(v.real > 0, 1., np.exp(v)),
            lambda v: select(v.real > 0, 0., np.exp(v)))}


def windows(n, k, s):
    out = -(-n // s); tot = max((out - 1) * s + k - n, 0)
    return out, tot // 2, tot - tot // 2


def layer(h, l, w):
    t = l["type"]
    if t == "dense": return h @ w[2 * l["params"]] + w[2 * l["params"] + 1]
    if t == "activation": return ACT[l["name"]][0](h)
    if t == "flatten": return h.reshape(len(h), -1)
    if t == "parallel_concat_channels":
        outs = []
        for b in l["branches"]:
            v = h
            for m in b: v = layer(v, m, w)
            outs.append(v)
        return np.concatenate(outs, -1)
    k = l["kernel"] if t == "conv2d" else l["window"]
    s = l["strides"]
    (oh, ph0, ph1), (ow, pw0, pw1) = windows(h.shape[1], k[0], s[0]), windows(h.shape[2], k[1], s[1])
    p = np.pad(h, ((0, 0), (ph0, ph1), (pw0, pw1), (0, 0)), constant_values=0 if t == "conv2d" else -np.inf)
    out = []
    for i in range(oh):
        row = []
        for j in range(ow):
            c = p[:, i * s[0]:i * s[0] + k[0], j * s[1]:j * s[1] + k[1]]
            if t == "conv2d":
                row.append(np.einsum("nhwi,hwio->no", c, w[2 * l["params"]]) + w[2 * l["params"] + 1])
            else:
                c = c.reshape(len(c), -1, c.shape[-1]); a = np.argmax(c.real, 1)
                row.append(np.take_along_axis(c, a[:, None], 1)[:, 0])
        out.append(np.stack(row, 1))
    return np.stack(out, 1)


def forward(d, spec, w):
    for l in spec: d = layer(d, l, w)
    return d


def outputs(d, dd, spec, w):
    """x and dx/dtheta (complex step along every parameter)."""
    x = forward(d, spec, w)
    n = len(dd)
    dx = np.stack([forward(d[:n] + 1e-40j * dd[..., p], spec, w).imag / 1e-40 for p in range(dd.shape[-1])], -1)
    return x, dx


def weights(z, prefix="layers"):
    out = []
    for i in range(10 ** 3):
        if f"{prefix}/{i}/weight" not in z: break
        out += [z[f"{prefix}/{i}/weight"], z[f"{prefix}/{i}/bias"]]
    return out


def mlp_forward(d, dd, spec, w):
    """tangents dd (n, in, p) or None; keeps what the backward pass needs"""
    keep = []; h, t = d, dd
    for l in spec:
        keep.append((h, t))
        if l["type"] == "dense":
            W, b = w[2 * l["params"]:2 * l["params"] + 2]
            h = h @ W + b; t = None if t is None else np.einsum("nip,io->nop", t, W)
        else:
            f, f1, f2 = ACT[l["name"]]
            t = None if t is None else f1(h)[..., None] * t; h = f(h)
    return h, t, keep


def mlp_backward(gx, gt, keep, spec, w):
    g = [None] * len(w)
    for l, (h, t) in zip(spec[::-1], keep[::-1]):
        if l["type"] == "dense":
            k = 2 * l["params"]; W = w[k]
            g[k] = h.T @ gx + (0 if gt is None else np.einsum("nip,nop->io", t, gt)); g[k + 1] = gx.sum(0)
            gx = gx @ W.T; gt = None if gt is None else np.einsum("nop,io->nip", gt, W)
        else:
            f, f1, f2 = ACT[l["name"]]
            n = f1(h) * gx
            if gt is not None:
                n = n + f2(h) * (t * gt).sum(-1); gt = f1(h)[..., None] * gt
            gx = n
    return g


def loss_and_grad(w, spec, data, lam, alpha):
    if data["kind"] == "gradient":
        n_d = len(data["derivative"]); d = data["fiducial"]
        x, t, keep = mlp_forward(d[:n_d], data["derivative"], spec, w)
        rest, _, keep2 = mlp_forward(d[n_d:], None, spec, w)
        s = statistics(np.concatenate([x, rest]), t, lam, alpha)
        g = mlp_backward(s["dloss_dx"][:n_d], s["dloss_ddx"], keep, spec, w)
        if len(rest): g = [a + b for a, b in zip(g, mlp_backward(s["dloss_dx"][n_d:], None, keep2, spec, w))]
    else:
        m = data["derivative"]; dt = data["delta_theta"]
        x, _, keep = mlp_forward(data["fiducial"], None, spec, w)
        xm, _, keep2 = mlp_forward(m.reshape((-1,) + m.shape[3:]), None, spec, w)
        xm = xm.reshape(m.shape[:3] + (-1,))
        s = statistics(x, np.swapaxes(xm[:, 1] - xm[:, 0], 1, 2) / dt, lam, alpha)
        q = np.swapaxes(s["dloss_ddx"] / dt, 1, 2)
        gm = np.stack([-q, q], 1).reshape(-1, x.shape[1])
        g = [a + b for a, b in zip(mlp_backward(s["dloss_dx"], None, keep, spec, w),
                                   mlp_backward(gm, None, keep2, spec, w))]
    return s, g


def check_net(f, z, case):
    spec = case["network"]; w = weights(z); lam, alpha = float(z["lambda"]), float(z["alpha"])
    x, dx = outputs(z["d"], z["dd"], spec, w)
    s = statistics(x, dx, lam, alpha)
    worst = {"x": rel(z["x"], x), "dx": rel(z["dx"], dx)}
    for k in ("mu", "C", "invC", "dmu_dtheta", "F", "lambda2", "r", "loss", "detF", "detC", "detinvC", "dloss_dx",
              "dloss_ddx"): worst[k] = rel(z[k], s[k])
    if all(l["type"] in ("dense", "activation") for l in spec):
        data = dict(kind="gradient", fiducial=z["d"], derivative=z["dd"])
        s, g = loss_and_grad(w, spec, data, lam, alpha)
        for i, a in enumerate(weights(z, "grad")[:-1]): worst[f"grad {i}"] = rel(a, g[i])
    rng = np.random.default_rng(1); fd = 0.; g = weights(z, "grad")
    for i in range(len(w)):                       # a random direction in every array in turn
        v = rng.normal(size=w[i].shape); h = 1e-6
        val = []
        for sg in (1, -1):
            w2 = list(w); w2[i] = w[i] + sg * h * v
            val.append(float(statistics(*outputs(z["d"], z["dd"], spec, w2), lam, alpha, False)["loss"]))
        scale = max(abs((g[i] * v).sum()), np.linalg.norm(g[i]), 1e-3 * max(np.linalg.norm(a) for a in g))
        fd = max(fd, abs((val[0] - val[1]) / (2 * h) - (g[i] * v).sum()) / scale)
    k = max(worst, key=worst.get)
    bias = np.abs(g[-1]).max() / max(np.abs(a).max() for a in g)
    print(f"{f:36s} worst {k:12s} {worst[k]:.1e}   last bias gradient {bias:.0e} of the largest  loss {float(z['loss']):.4g} lambda2 {float(z['lambda2']):.3g} "
          f"detF {float(z['detF']):.3g} finite differences of the loss in the weights {fd:.0e}")
    assert fd < 1e-5 and worst[k] < 1e-9, f


# ---------------------------------------------------------------- training
def check_fit(f, z, case):
    spec = case["network"]; lam, eps = float(z["lambda"]), float(z["epsilon"]); alpha = alpha_of(lam, eps)
    kind = "numerical" if int(z["numerical"]) else "gradient"
    data = dict(kind=kind, fiducial=z["fiducial"], derivative=z["derivative"], delta_theta=z.get("delta_theta"))
    val = None
    if int(z["validation"]):
        val = dict(data, fiducial=z["validation_fiducial"], derivative=z["validation_derivative"])
    w = weights(z, "initial"); m = [0 * a for a in w]; v = [0 * a for a in w]
    hist = {}; max_detF, best_w, best_it = 0., w, -1; snap = {}
    names = ("detF", "detC", "detinvC", "lambda2", "r")
    for call in range(int(z["calls"])):
        counter = pc = 0
        while pc < int(z["patience"]) and counter < int(z["max_iterations"]):
            s, g = loss_and_grad(w, spec, data, lam, alpha)
            for k in names: hist.setdefault(k, []).append(s[k])
            i = counter + 1
            m = [0.1 * a + 0.9 * b for a, b in zip(g, m)]
            v = [(1 - 0.999) * a * a + 0.999 * b for a, b in zip(g, v)]
            w = [p - float(z["step_size"]) * (a / (1 - 0.9 ** i)) / (np.sqrt(b / (1 - 0.999 ** i)) + 1e-8)
                 for p, a, b in zip(w, m, v)]
            if val is not None:
                s, _ = loss_and_grad(w, spec, val, lam, alpha)
                for k in names: hist.setdefault("val_" + k, []).append(s[k])
            if s["detF"] > max_detF: max_detF, best_w, pc = s["detF"], w, 0
            elif counter > int(z["min_iterations"]): pc += 1
            counter += 1
            snap[len(hist["detF"])] = w
        if call < int(z["calls"]) - 1: pass
    assert len(hist["detF"]) == int(z["iterations"]), (f, len(hist["detF"]), int(z["iterations"]))
    worst = {k: rel(z["history/" + k], np.array(a)) for k, a in hist.items()}
    worst["max_detF"] = rel(z["history/max_detF"], max_detF)
    # the last bias has a gradient of exactly zero, so it is left out (Adam moves it by rounding noise)
    def wdiff(pre, w): return max(float(np.abs(a - b).max()) for a, b in zip(weights(z, pre)[:-1], w[:-1]))
    noise = float(np.abs(weights(z, "final")[-1] - w[-1]).max())
    worst["final"] = wdiff("final", w); worst["best_w"] = wdiff("best_w", best_w)
    for k in (1, 10):
        if f"after_{k}/0/weight" in z: worst[f"after_{k}"] = wdiff(f"after_{k}", snap[k])
    s, _ = loss_and_grad(best_w if int(z["best"]) else w, spec, val or data, lam, alpha)
    for k in ("F", "invF", "C", "invC", "dmu_dtheta"): worst[k] = rel(z[k], s[k])
    used = best_w if int(z["best"]) else w
    worst["mu - last bias"] = rel(z["mu"] - weights(z, "best_w" if int(z["best"]) else "final")[-1], s["mu"] - used[-1])
    est = z["theta_fid"] + (mlp_forward(z["target"], None, spec, used)[0] - s["mu"]) @ s["invC"] @ s["dmu_dtheta"] @ s["invF"].T
    worst["estimate"] = rel(z["estimate"], est)
    k = max(worst, key=worst.get)
    print(f"{f:36s} worst {k:12s} {worst[k]:.1e}   iterations {int(z['iterations'])}, best {int(z['best_iteration'])}, "
          f"max_detF {float(z['history/max_detF']):.4g}, last bias differs by {noise:.0e}")
    assert worst[k] < 1e-7, f


def check_f32(f, z, y):
    assert int(z["iterations"]) == int(y["iterations"]) and int(z["best_iteration"]) == int(y["best_iteration"]), f
    o = {}; last = f"/{len(weights(y, 'final')) // 2 - 1}/bias"
    o["mu-bias"] = max(float(np.abs((z["mu"].astype(float) - z[p + last]) - (y["mu"] - y[p + last])).max())
                       for p in ["best_w" if int(y["best"]) else "final"])
    o["last bias"] = float(np.abs(z["final" + last].astype(float) - y["final" + last]).max())
    for k in y:
        if k.endswith(last) or k == "mu": continue
        if k.startswith("history/"):
            n = k[8:].replace("val_", "")
            d = np.abs(z[k].astype(float) - y[k]) / np.abs(y[k])
            o["history " + n] = max(o.get("history " + n, 0), float(d.max()))
        elif k in ("F", "C", "invC", "dmu_dtheta", "estimate"): o[k] = rel(z[k], y[k])
        elif k.startswith(("after_1/", "final/", "after_10/")):
            p = k.split("/")[0]; o[p] = max(o.get(p, 0), float(np.abs(z[k].astype(float) - y[k]).max()))
    print(f"{f:36s}", " ".join(f"{k.replace('history ', 'h.')} {v:.0e}" for k, v in o.items()))


def load(p):
    with np.load(p) as z: return {k: z[k] for k in z.files}


if __name__ == "__main__":
    path = os.path.join(HERE, "manifest.json")
    man = json.load(open(path))
    found = {f for f in os.listdir(HERE) if f.endswith(".npz")}
    assert found == set(man), f"only in the folder or only in manifest.json: {sorted(found ^ set(man))}"
    for f in sorted(man):
        z = load(os.path.join(HERE, f))
        assert {k: [str(a.dtype), list(a.shape)] for k, a in z.items()} == man[f]["keys"], f
        for k, a in z.items():
            assert k.isascii() and a.dtype in (np.float64, np.float32, np.int64) and a.flags.c_contiguous, (f, k)
            assert np.isfinite(a).all()
        if f.startswith("stats"): man[f]["relative_rounding_error"] = check_stats(f, z)
        elif f.startswith("net"): check_net(f, z, man[f])
        elif f.startswith("fit_"): check_fit(f, z, man[f])
        else: check_f32(f, z, load(os.path.join(HERE, f.replace("fit32_", "fit_"))))
    if "--write" in sys.argv: json.dump(man, open(path, "w"), indent=1)
