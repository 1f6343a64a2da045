"""Times sbi on the pairs of measure.rs, in CPU seconds of one thread, for ratios on the same machine in the same hour.

    pip install sbi                                 # 0.27 on torch 2.15 for the figures of docs/flows.md
    python sbi_times.py maf|nsf [epochs] [pairs]    # without epochs: a whole training with early stopping
"""
import resource
import sys
import warnings

warnings.filterwarnings("ignore")
import torch
from sbi.inference import NPE
from sbi.neural_nets import posterior_nn
from sbi.utils import BoxUniform

model = sys.argv[1]
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 0
n = int(sys.argv[3]) if len(sys.argv) > 3 else 10_000
torch.set_num_threads(1)
torch.manual_seed(1)


def cpu():
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


prior = BoxUniform(torch.tensor([-10.0, 0.0]), torch.tensor([10.0, 10.0]))
theta = prior.sample((n,))
draws = theta[:, :1] + theta[:, 1:].sqrt() * torch.randn(n, 10)
x = torch.stack([draws.mean(1), draws.var(1, unbiased=False)], 1)
inference = NPE(prior=prior, density_estimator=posterior_nn(model=model), show_progress_bars=False)
inference.append_simulations(theta, x)
start = cpu()
inference.train(**({"max_num_epochs": epochs} if epochs else {}))
seconds = cpu() - start
trained = inference.summary["epochs_trained"][-1]
loss = inference.summary["best_validation_loss"][-1]
print(f"{model}: {trained} epochs, {seconds:.1f} s of CPU, {1e3 * seconds / trained:.0f} ms per epoch, loss {loss:.4f}")
posterior = inference.build_posterior(prior=prior)
start = cpu()
posterior.sample((10_000,), x=torch.tensor([[0.1, 0.9]]), show_progress_bars=False)
print(f"10,000 draws of one posterior: {cpu() - start:.3f} s")
start = cpu()
posterior.sample_batched((1000,), x=x[:300], show_progress_bars=False)
print(f"1000 draws of each of 300 posteriors: {cpu() - start:.2f} s")
