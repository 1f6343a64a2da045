#!/usr/bin/env python3
"""What a checkpoint costs: `imnn fit` on the dense workload with many of them and without, in turn.

    python3 tests/faults/cost.py target/release/imnn [--turns 7] [--every 20]

Prints seconds for each checkpoint, and their share of the time at the default interval of 10 minutes. 3 x 128 on the mean and
variance of ten draws, 1000 simulations with exact derivatives on the fly, as in `BENCHMARKS.md`, with a history that grows.
"""

import argparse, statistics, subprocess, tempfile, time
from pathlib import Path

N_ITERATIONS = 2000
RUN = """theta_fid = [0.0, 1.0]
seed = 1
[simulations]
kind = "simulator"
simulator = "mean_variance"
n_data = 10
n_s = 1000
[network]
layers = [{{ dense = 128 }}, "leaky_relu", {{ dense = 128 }}, "leaky_relu", {{ dense = 128 }}, "leaky_relu", {{ dense = 2 }}]
[fit]
max_iterations = {iterations}
patience = {iterations}
round = {iterations}
tolerance = 0.0
[checkpoints]
minutes = 600
iterations = {every}
"""


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program", type=lambda path: str(Path(path).resolve()))
    arguments.add_argument("--turns", type=int, default=7)
    arguments.add_argument("--every", type=int, default=20, help="iterations between two checkpoints")
    arguments = arguments.parse_args()
    seconds = {arguments.every: [], 10 * N_ITERATIONS: []}
    with tempfile.TemporaryDirectory(dir=".") as place:
        for turn in range(arguments.turns + 1):
            for every, times in seconds.items():
                run = Path(place) / "run.toml"
                run.write_text(RUN.format(iterations=N_ITERATIONS, every=every))
                begun = time.monotonic()
                subprocess.run([arguments.program, "fit", str(run), "--out", str(Path(place) / "run"), "--force", "--quiet"],
                               check=True, capture_output=True)
                if turn > 0:
                    times.append(time.monotonic() - begun)
    many, none = (statistics.median(times) for times in seconds.values())
    n = N_ITERATIONS // arguments.every - 1
    each = (many - none) / n
    print(f"{N_ITERATIONS} iterations: {none:.2f} s ({min(seconds[10 * N_ITERATIONS]):.2f} to {max(seconds[10 * N_ITERATIONS]):.2f}), "
          f"with {n} checkpoints {many:.2f} s ({min(seconds[arguments.every]):.2f} to {max(seconds[arguments.every]):.2f})")
    print(f"a checkpoint: {1000 * each:.1f} ms; one in 10 minutes: {100 * each / 600:.4f} %")


main()
