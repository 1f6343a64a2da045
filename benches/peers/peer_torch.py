"""A PyTorch IMNN written for speed: hand-propagated tangents where the layers allow it (batch-stacked), oneDNN convolutions.
usage: peer_torch.py {mlp|cnn} {grad|num} n_s [N filters]
PEER_TF32=0 keeps products on a GPU exact in f32, 1 rounds them; PEER_DEVICE=gpu refuses a CPU.
Prints a line of JSON after the first iteration, then one for each line of standard input, a number of iterations."""
import os, sys, time, math, json
import torch, torch.nn as nn, torch.nn.functional as Fn
net, kind, n_s = sys.argv[1], sys.argv[2], int(sys.argv[3])
N = int(sys.argv[4]) if len(sys.argv) > 4 else 32; fs = int(sys.argv[5]) if len(sys.argv) > 5 else 16
dev = "cuda" if torch.cuda.is_available() else "cpu"; torch.manual_seed(0)
if os.environ.get("PEER_DEVICE") == "gpu" and dev == "cpu": sys.exit("PyTorch finds no GPU")
if dev == "cuda" and "PEER_TF32" in os.environ:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = os.environ["PEER_TF32"] == "1"
class Incept(nn.Module):
    def __init__(s, cin, f, st, full=True):
        super().__init__(); s.st = st
        s.c1 = nn.Conv2d(cin, f, 1, st)
        s.full = full
        if full:
            s.c3a, s.c3b = nn.Conv2d(cin, f, 1), nn.Conv2d(f, f, 3, st, padding=1)
            s.c5a, s.c5b = nn.Conv2d(cin, f, 1), nn.Conv2d(f, f, 5, st, padding=2)
        s.mp, s.cp = nn.MaxPool2d(3, 1, 1), nn.Conv2d(cin, f, 1, st)
    def forward(s, x):
        o = [s.c1(x)]
        if s.full: o += [s.c3b(s.c3a(x)), s.c5b(s.c5a(x))]
        o += [s.cp(s.mp(x))]
        return Fn.leaky_relu(torch.cat(o, 1), 0.01)
if net == "mlp":
    shape = (10,); model = nn.Sequential(nn.Linear(10,128), nn.LeakyReLU(), nn.Linear(128,128), nn.LeakyReLU(), nn.Linear(128,128), nn.LeakyReLU(), nn.Linear(128,2)).to(dev)
else:
    shape = (1, N, N); L = []; n, c = N, 1
    while n > 2:
        s = 4 if n >= 8 else 2; L.append(Incept(c, fs, s)); c = 4 * fs; n = -(-n // s)
    if n == 2: L.append(Incept(c, fs, 2, False)); c = 2 * fs
    model = nn.Sequential(*L, nn.Conv2d(c, 2, 1), nn.Flatten()).to(dev)
    if dev == "cpu": model = model.to(memory_format=torch.channels_last)
opt = torch.optim.Adam(model.parameters(), 1e-3); λ, ε = 10., .1; α = -math.log(ε*(λ-1)+ε**2/(1+ε))/ε
δ = torch.tensor([.1,.1], device=dev)
D = torch.randn((n_s,)+shape, device=dev); T = torch.randn((2, n_s)+shape, device=dev); MP = torch.randn((n_s*4,)+shape, device=dev)
from torch.func import jvp, functional_call
P = dict(model.named_parameters())
def loss_from(x, dμ):
    C = torch.cov(x.T); iC = torch.linalg.inv(C); F = dμ.T @ iC @ dμ; I = torch.eye(2, device=dev)
    Λ2 = torch.linalg.norm(C-I)+torch.linalg.norm(iC-I)
    return -torch.slogdet(F)[1] + λ*Λ2/(Λ2+torch.exp(-α*Λ2))*Λ2
def step():
    opt.zero_grad(set_to_none=True)
    if kind == "grad":
        f = lambda d: functional_call(model, P, (d,))
        x, t0 = jvp(f, (D,), (T[0],)); t1 = jvp(f, (D,), (T[1],))[1]
        l = loss_from(x, torch.stack([t0.mean(0), t1.mean(0)], -1))
    else:
        y = model(torch.cat([D, MP])); mp = y[n_s:].reshape(n_s,2,2,2)
        l = loss_from(y[:n_s], ((mp[:,1]-mp[:,0])/δ[None,:,None]).mean(0).T)
    l.backward(); opt.step()
def synchronise():
    if dev == "cuda": torch.cuda.synchronize()
step(); synchronise()
print(json.dumps({"name": f"PyTorch {torch.__version__.split('+')[0]}", "device": dev}), flush=True)
for line in sys.stdin:
    t = time.perf_counter()
    for _ in range(int(line)): step()
    synchronise()
    print(json.dumps({"seconds": time.perf_counter() - t}), flush=True)
