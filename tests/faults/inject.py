#!/usr/bin/env python3
"""Has system calls of `imnn` fail or kill it, one by one, and asks whether anything that was whole is lost.

    python3 tests/faults/inject.py target/release/imnn [--most 10] [--only fit] [--at-once 2]

For each command every call that writes (and some that open) is made to fail with ENOSPC and EIO, or to kill the process, by
strace's injection. Afterwards what was there before has to be whole, and the same command again has to come to what it comes to
undisturbed. Prints a table: command, call, fault, what came of it how often. Ends with 1 if anything is lost. Needs strace.
"""

import argparse, collections, hashlib, json, math, os, re, shutil, struct, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CALLS = ["openat", "write", "pwrite64", "fsync", "rename", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "ftruncate",
         "flock", "copy_file_range", "sendfile", "link", "linkat"]
FAULTS = {"killed": "signal=SIGKILL", "ENOSPC": "error=ENOSPC", "EIO": "error=EIO"}
RUN = """theta_fid = [0.0, 1.0]
seed = SEED
[simulations]
kind = "simulator"
simulator = "mean_variance"
n_data = 6
n_s = 50
[network]
layers = [{ dense = 4 }, "gelu", { dense = 2 }]
[fit]
max_iterations = 40
round = 20
tolerance = 0.0
[checkpoints]
iterations = 15
[device]
threads = 1
"""


def npy(path, *shape):
    """An array of double precision without numpy."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    values = struct.pack(f"<{math.prod(shape)}d", *[0.01 * ((37 * k) % 101) for k in range(math.prod(shape))])
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values)


def contents(path):
    """The checksums of a file or of those in a folder, but for plot, report, lock and hidden names."""
    files = [path] if path.is_file() else path.rglob("*")
    names = {file: file.relative_to(path).as_posix() for file in files if file.is_file()}
    passed = lambda name: name in ("plot.png", "report.json", "lock") or any(part.startswith(".") for part in name.split("/"))
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for file, name in names.items() if not passed(name)}


def as_read(found):
    """The files of a run as readers take them: while those of a whole run are put in place, some are still in `finishing`."""
    prefix = "finishing/"
    waiting = {name.removeprefix(prefix): checksum for name, checksum in found.items() if name.startswith(prefix)}
    rest = {name: checksum for name, checksum in found.items() if not name.startswith(prefix)}
    found = {**rest, **waiting} if "manifest.json" in waiting else rest
    # Until all is in its place the manifest says what is replaced.
    return {name: checksum for name, checksum in found.items() if name != "manifest.json"}


class Command:
    """A command, what it starts from, and what it comes to."""

    def __init__(self, program, name, arguments, out, prepare):
        self.program, self.name, self.arguments, self.out, self.prepare = program, name, arguments, out, prepare

    def begin(self, folder):
        """What the command starts from, once."""
        folder.mkdir()
        (folder / "new.toml").write_text(RUN.replace("SEED", "3"))
        (folder / "old.toml").write_text(RUN.replace("SEED", "5"))
        npy(folder / "a.npy", 40, 6)
        npy(folder / "b.npy", 40, 6, 2)
        self.prepare(self.program, folder)
        self.before = contents(folder / self.out)

    def run(self, folder, inject=(), log=None):
        trace = ["strace", "-f", "-o", log or "/dev/null", *inject] if inject or log else []
        return subprocess.run([*trace, self.program, *self.arguments], cwd=folder, capture_output=True, text=True, timeout=120)

    def undisturbed(self, folder):
        """How often it makes each call, and what it comes to."""
        log = folder.with_suffix(".log")
        whole = self.run(folder, ["-e", "trace=" + ",".join("?" + call for call in CALLS)], str(log))
        assert whole.returncode == 0, whole.stderr
        return collections.Counter(re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.M)), contents(folder / self.out)

    def disturbed(self, begun, folder, call, how, k, expected):
        """What comes of it where the `k`-th of these calls fails, in words, and how that is wrong if it is."""
        shutil.copytree(begun, folder, symlinks=True)
        # Faster, but strace sends no signals with it.
        fast = ["--seccomp-bpf"] if how.startswith("error") else []
        made = self.run(folder, [*fast, "-e", f"trace={call}", "-e", f"inject={call}:{how}:when={k}"])
        now = as_read(contents(folder / self.out))
        # What was whole before is there until what replaces it is, in each of its files.
        has = lambda run: all(now.get(name) == checksum for name, checksum in as_read(run).items())
        kept = has(self.before) or has(expected)
        again = self.run(folder)
        # A run that was finished after all is there, and says so.
        whole = contents(folder / self.out) == expected
        shutil.rmtree(folder)
        assert made.returncode < 0 or how.startswith("error"), "not killed"
        what = {0: "done", 1: "refused"}.get(made.returncode, "ended")
        if "panicked" in made.stderr + again.stderr:
            return "PANIC", [made.stderr[-300:], again.stderr[-300:]]
        if made.returncode == 0 and not has(expected):
            return "NOT THE SAME", [made.stderr[-300:]]
        if not kept and self.name != "fit --resume":
            return "WHAT WAS THERE IS GONE", [made.stderr[-300:]]
        if not whole:
            return "LOST", [made.stderr[-300:], again.stderr[-300:]]
        return what + ("" if what == "done" else ", then whole"), None


def quietly(program, folder, *arguments):
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)


def interrupted(program, folder):
    """A run that was killed after its second checkpoint."""
    subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "trace=rename", "-e", "inject=rename:signal=SIGKILL:when=40+",
                    program, "fit", "new.toml", "--out", "run", "--quiet"], cwd=folder, capture_output=True)
    assert (folder / "run/unfinished/checkpoint").exists()


def commands(program):
    nothing = lambda *_: None
    yield Command(program, "fit", ["fit", "new.toml", "--out", "run", "--quiet"], "run", nothing)
    yield Command(program, "fit --force", ["fit", "new.toml", "--out", "run", "--force", "--quiet"], "run",
                  lambda program, folder: quietly(program, folder, "fit", "old.toml", "--out", "run", "--quiet"))
    yield Command(program, "fit --resume", ["fit", "--resume", "run", "--quiet"], "run", interrupted)
    yield Command(program, "convert", ["data", "convert", "a.npy", "c.npz:x"], "c.npz", nothing)
    split = ["data", "split", "--fiducial", "a.npy", "--derivative", "b.npy", "--kind", "exact", "--out", "parts"]
    yield Command(program, "split", split, "parts", nothing)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program", type=lambda path: str(Path(path).resolve()))
    arguments.add_argument("--most", type=int, default=10, help="calls of each name that are tried, evenly chosen")
    arguments.add_argument("--only")
    arguments.add_argument("--at-once", type=int, default=os.cpu_count(), help="how many are tried at the same time")
    arguments = arguments.parse_args()
    lost, tried = [], 0
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(arguments.at_once) as pool:
        for command in commands(arguments.program):
            if arguments.only and command.name != arguments.only:
                continue
            begun, whole = Path(place) / f"{command.name} begun", Path(place) / f"{command.name} whole"
            command.begin(begun)
            shutil.copytree(begun, whole)
            counts, expected = command.undisturbed(whole)
            for call in [call for call in CALLS if counts[call]]:
                n = min(counts[call], arguments.most)
                numbers = sorted({1 + i * (counts[call] - 1) // max(n - 1, 1) for i in range(n)})
                for fault, how in FAULTS.items():
                    disturbed = lambda k: command.disturbed(begun, Path(place) / f"{k}", call, how, k, expected)
                    outcomes = collections.Counter()
                    for k, (outcome, wrong) in zip(numbers, pool.map(disturbed, numbers)):
                        outcomes[outcome] += 1
                        if wrong:
                            lost.append((command.name, call, fault, k, outcome, *wrong))
                    tried += len(numbers)
                    said = ", ".join(f"{n} {what}" for what, n in sorted(outcomes.items()))
                    print(f"| {command.name} | {call} ({counts[call]}) | {fault} | {said} |", flush=True)
    for case in lost:
        print("LOST", json.dumps(case))
    print(f"{tried} faults, {len(lost)} lost something")
    sys.exit(bool(lost))


main()
