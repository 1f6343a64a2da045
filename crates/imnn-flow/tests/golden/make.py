"""Golden numbers for conditional flows: masks, affine and rational-quadratic autoregressive transforms, log density, gradient, inverse.

Writes flow_golden.npz; needs numpy, torch and nflows. Definition: u^0 = (theta' - shift) / scale; transform t acts on u^{t-1} permuted by perm[t]:
  h1 = tanh(W1m^T [u, x'] + b1), h2 = tanh(W2m^T h1 + b2), o = W3m^T h2 + b3, o[i, :] the parameters of dimension i
  affine:  a = o[i,1] / (1 + |o[i,1]| / ln 1000),  z_i = exp(a) u_i + o[i,0],  log|dz/du| = a
  spline:  widths 1e-3 + (1 - 1e-3 K) softmax(o[i, :K]), heights the same of o[i, K:2K], both times 2 B from -B; derivatives at the
           inner knots 1e-3 + softplus(o[i, 2K:] + c), c = ln(e^(1-1e-3) - 1), at +-B 1, outside identity; B = 5
masks: degrees of inputs 1..D, of x' 0, of hidden unit j: j mod D; hidden: deg_out >= deg_in; output i: deg_hidden < i (i from 1)
log q = sum_t log|dz/du| + log N(z; 0, 1) - sum ln scale.
numpy (forward, inverse) and torch in double precision (gradient) are written apart and compared; the spline also with nflows."""
import numpy as np
rng = np.random.default_rng(7)
LN1000 = np.log(1000.0)

def masks(D, dx, H, P):
    din = np.r_[np.arange(1, D + 1), np.zeros(dx, int)]; dh = np.arange(H) % D; do = np.repeat(np.arange(1, D + 1), P)
    return (dh[None] >= din[:, None]).astype(float), (dh[None] >= dh[:, None]).astype(float), (do[None] > dh[:, None]).astype(float)

def spline_np(u, o, K, B=5.0, mn=1e-3):
    c = np.log(np.exp(1 - mn) - 1); sm = lambda v: np.exp(v - v.max(-1, keepdims=True)) / np.exp(v - v.max(-1, keepdims=True)).sum(-1, keepdims=True)
    w = 2 * B * (mn + (1 - mn * K) * sm(o[..., :K])); h = 2 * B * (mn + (1 - mn * K) * sm(o[..., K:2 * K]))
    d = mn + np.logaddexp(0, o[..., 2 * K:] + c); one = np.ones(d.shape[:-1] + (1,)); d = np.concatenate([one, d, one], -1)
    X = np.concatenate([-B * one, -B + np.cumsum(w, -1)], -1); Y = np.concatenate([-B * one, -B + np.cumsum(h, -1)], -1); X[..., -1] = B; Y[..., -1] = B
    k = np.clip((u[..., None] >= X[..., 1:-1]).sum(-1), 0, K - 1)[..., None]; g = lambda A: np.take_along_axis(A, k, -1)[..., 0]
    x0, x1, y0, y1, d0, d1 = g(X), np.take_along_axis(X, k + 1, -1)[..., 0], g(Y), np.take_along_axis(Y, k + 1, -1)[..., 0], g(d), np.take_along_axis(d, k + 1, -1)[..., 0]
    s = (y1 - y0) / (x1 - x0); inside = (u > -B) & (u < B); xi = np.where(inside, (u - x0) / (x1 - x0), 0.5); q = xi * (1 - xi); den = s + (d0 + d1 - 2 * s) * q
    z = y0 + (y1 - y0) * (s * xi * xi + d0 * q) / den; ld = 2 * np.log(s) + np.log(d1 * xi ** 2 + 2 * s * q + d0 * (1 - xi) ** 2) - 2 * np.log(den)
    return np.where(inside, z, u), np.where(inside, ld, 0.0)

def net_np(u, x, p, M):
    h = np.tanh(np.c_[u, x] @ (p["W1"] * M[0]) + p["b1"]); h = np.tanh(h @ (p["W2"] * M[1]) + p["b2"]); return h @ (p["W3"] * M[2]) + p["b3"]

def forward_np(theta, x, flow):
    u = (theta - flow["shift"]) / flow["scale"]; ld = -np.log(flow["scale"]).sum() * np.ones(len(u)); D = u.shape[1]
    for p, perm in zip(flow["t"], flow["perm"]):
        u = u[:, perm]; o = net_np(u, x, p, flow["M"]).reshape(len(u), D, -1)
        if flow["kind"] == "affine":
            a = o[..., 1] / (1 + abs(o[..., 1]) / LN1000); u = np.exp(a) * u + o[..., 0]; ld = ld + a.sum(1)
        else:
            u, l = spline_np(u, o, flow["K"]); ld = ld + l.sum(1)
    return u, ld - 0.5 * (u ** 2).sum(1) - D / 2 * np.log(2 * np.pi)

def inverse_np(z, x, flow):
    """Dimension by dimension; the one-dimensional inverse by bisection, on purpose not the closed form."""
    D = z.shape[1]; u = z
    for p, perm in reversed(list(zip(flow["t"], flow["perm"]))):
        v = np.zeros_like(u)
        for i in range(D):
            o = net_np(v, x, p, flow["M"]).reshape(len(u), D, -1)[:, i]
            if flow["kind"] == "affine":
                a = o[:, 1] / (1 + abs(o[:, 1]) / LN1000); v[:, i] = (u[:, i] - o[:, 0]) * np.exp(-a)
            else:
                lo, hi = np.minimum(u[:, i], -5.0), np.maximum(u[:, i], 5.0)
                for _ in range(200):
                    mid = 0.5 * (lo + hi); f = spline_np(mid, o, flow["K"])[0]; lo = np.where(f < u[:, i], mid, lo); hi = np.where(f < u[:, i], hi, mid)
                v[:, i] = 0.5 * (lo + hi)
        u = np.empty_like(v); u[:, perm] = v
    return u * flow["scale"] + flow["shift"]

def make(kind, D, dx, H, T, K=4):
    P = 2 if kind == "affine" else 3 * K - 1; M = masks(D, dx, H, P); n = lambda *s: 0.6 * rng.normal(size=s)
    t = [dict(W1=n(D + dx, H), b1=n(H), W2=n(H, H), b2=n(H), W3=n(H, D * P), b3=n(D * P)) for _ in range(T)]
    perm = [np.arange(D)] + [np.arange(D)[::-1].copy() if i % 2 else rng.permutation(D) for i in range(1, T)]
    return dict(kind=kind, t=t, perm=perm, M=M, K=K, shift=rng.normal(size=D), scale=np.exp(0.3 * rng.normal(size=D)))

def torch_check(theta, x, flow):
    import torch
    T64 = lambda a: torch.tensor(np.array(a), dtype=torch.float64)
    ps = [{k: T64(v).requires_grad_() for k, v in p.items()} for p in flow["t"]]; M = [T64(m) for m in flow["M"]]; th, xx = T64(theta).requires_grad_(), T64(x).requires_grad_()
    u = (th - T64(flow["shift"])) / T64(flow["scale"]); ld = -torch.log(T64(flow["scale"])).sum(); D = u.shape[1]
    for p, perm in zip(ps, flow["perm"]):
        u = u[:, list(perm)]; h = torch.tanh(torch.cat([u, xx], 1) @ (p["W1"] * M[0]) + p["b1"]); h = torch.tanh(h @ (p["W2"] * M[1]) + p["b2"]); o = (h @ (p["W3"] * M[2]) + p["b3"]).reshape(len(u), D, -1)
        if flow["kind"] == "affine":
            a = o[..., 1] / (1 + o[..., 1].abs() / LN1000); u = a.exp() * u + o[..., 0]; ld = ld + a.sum(1)
        else:
            from nflows.transforms.splines.rational_quadratic import unconstrained_rational_quadratic_spline as rq
            K = flow["K"]; c = float(np.log(np.exp(1 - 1e-3) - 1))
            z, l = rq(u, o[..., :K], o[..., K:2 * K], o[..., 2 * K:] + c, tails="linear", tail_bound=5.0); u, ld = z, ld + l.sum(1)
    lq = ld - 0.5 * (u ** 2).sum(1) - D / 2 * np.log(2 * np.pi)
    (-lq.mean()).backward()                                   # the loss: mean negative log density
    return u.detach().numpy(), lq.detach().numpy(), [{k: v.grad.numpy() for k, v in p.items()} for p in ps], th.grad.numpy(), xx.grad.numpy()

out = {}
for name, kind, D, dx, H, T in [("maf", "affine", 3, 2, 8, 3), ("nsf", "spline", 3, 2, 8, 3), ("nsf1", "spline", 1, 2, 6, 2), ("maf5", "affine", 5, 4, 16, 2)]:
    flow = make(kind, D, dx, H, T); theta = flow["shift"] + flow["scale"] * 2.0 * rng.normal(size=(20, D)); x = rng.normal(size=(20, dx))
    z, lq = forward_np(theta, x, flow); back = inverse_np(z, x, flow); zt, lt, grads, gth, gx = torch_check(theta, x, flow)
    print(name, "numpy - torch: z %.1e, log q %.1e; inverse %.1e; rows outside the spline: %d" % (abs(z - zt).max(), abs(lq - lt).max(), abs(back - theta).max(), (abs((theta - flow["shift"]) / flow["scale"]) > 5).any(1).sum()))
    out.update({f"{name}/theta": theta, f"{name}/x": x, f"{name}/z": z, f"{name}/log_q": lq, f"{name}/shift": flow["shift"], f"{name}/scale": flow["scale"],
                f"{name}/perm": np.array(flow["perm"]), f"{name}/dloss_dtheta": gth, f"{name}/dloss_dx": gx})
    for i, (p, g) in enumerate(zip(flow["t"], grads)):
        for k in p: out[f"{name}/{i}/{k}"] = p[k]; out[f"{name}/{i}/dloss_d{k}"] = g[k]
np.savez_compressed("flow_golden.npz", **out)
