"""The original package (PyPI imnn 0.3.2) on the dense reference problem: ms per iteration.
usage: original_dense.py {sim|grad|num|aggnum} n_s; grad and num with a validation set, aggnum with n_per_device = 100
Prints a line of JSON after the first iteration, then one for each line of standard input, a number of iterations.
Each call of fit compiles anew; a call of one iteration is timed beside it, and only the iterations above it count."""
import json, os, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))
import shim  # renames what JAX has moved since, before imnn is imported
import jax, jax.numpy as np
from jax.example_libraries import stax, optimizers
which=sys.argv[1]; n_s=int(sys.argv[2])
rng=jax.random.PRNGKey(0)
input_shape=(10,)
θ=np.array([0.,1.]); δθ=np.array([0.1,0.1])
def simulator(rng, θ): return θ[0]+jax.random.normal(rng, shape=input_shape)*np.sqrt(θ[1])
model=stax.serial(stax.Dense(128),stax.LeakyRelu,stax.Dense(128),stax.LeakyRelu,stax.Dense(128),stax.LeakyRelu,stax.Dense(2))
opt=optimizers.adam(step_size=1e-3)
import imnn
rng,mk,fk=jax.random.split(rng,3)
def data(key):
    keys=np.array(jax.random.split(key,n_s))
    fid=jax.vmap(lambda k: simulator(k,θ))(keys)
    lo=θ-np.diag(δθ)/2; hi=θ+np.diag(δθ)/2
    b=jax.vmap(lambda k: jax.vmap(lambda p: simulator(k,p))(lo))(keys); a=jax.vmap(lambda k: jax.vmap(lambda p: simulator(k,p))(hi))(keys)
    der=jax.vmap(lambda k: jax.jacfwd(simulator,argnums=1)(k,θ))(keys)
    return fid,np.stack([b,a],1),der
f,d,g=data(jax.random.PRNGKey(3)); vf,vd,vg=data(jax.random.PRNGKey(4))
base=dict(n_s=n_s,n_d=n_s,n_params=2,n_summaries=2,input_shape=input_shape,θ_fid=θ,model=model,optimiser=opt,key_or_state=mk)
if which=="sim": I=imnn.SimulatorIMNN(**base,simulator=simulator)
if which=="num": I=imnn.NumericalGradientIMNN(**base,fiducial=f,derivative=d,δθ=δθ,validation_fiducial=vf,validation_derivative=vd)
if which=="grad": I=imnn.GradientIMNN(**base,fiducial=f,derivative=g,validation_fiducial=vf,validation_derivative=vg)
if which=="aggnum": I=imnn.AggregatedNumericalGradientIMNN(**base,fiducial=f,derivative=d,δθ=δθ,host=jax.devices()[0],devices=jax.devices(),n_per_device=100)
def fit(iters):
    t=time.perf_counter(); I.fit(10.,0.1,rng=fk,min_iterations=iters,max_iterations=iters,patience=iters+1,best=False)
    detF=float(np.linalg.det(I.F)); return time.perf_counter()-t, detF
fit(1)
print(json.dumps({"name": "original 0.3.2", "device": jax.devices()[0].platform}), flush=True)
for line in sys.stdin:
    one,_=fit(1); more,detF=fit(1+int(line))
    print(json.dumps({"seconds": more-one, "det_f": detF}), flush=True)
