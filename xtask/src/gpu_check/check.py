"""What can only be seen on a machine with a GPU; for `run.sh` of the folder that `cargo xtask gpu-check --pack` makes.

Needs Python 3.8 and nothing else. Runs one step after the other, those first from which most is learnt, each and all of them
with a time limit; prints a table last, and writes `report.md` and all that was printed, `log.txt`, to $OUT or to `out` beside
this file.
"""
import csv, ctypes, glob, json, math, os, platform, shutil, signal, subprocess, sys, sysconfig, time

HERE = os.path.dirname(os.path.abspath(__file__))
# How many times as long as ours JAX takes at least, by a workload of the benchmark; and where a loop of iterations is compiled.
ASKED, ASKED_LOOP = {"dense-exact-1000": 3.0, "inception-128-wide-64-fly-5000": 1.5}, 1.5
# Timed without peers.
OTHERS = "dense-numerical-1000 dense-fly-1000 dense-fly-100000 inception-32-exact-100 inception-32-exact-1000".split()
USAGE = """usage: run.sh [--minutes M] [--python PYTHON] [--only STEP ...]

  --minutes M      for all steps together; 8 by default
  --python PYTHON  a Python with JAX for this GPU; by default the python3 that runs this
  --only STEP ...  these steps alone: %s
"""


def folders_with(stem):
    """The folders in which a library of this stem lies, those of Python's packages first."""
    sites = {sysconfig.get_paths()[name] for name in ("purelib", "platlib")} | set(sys.path)
    patterns = [os.path.join(site, "nvidia", *part, "lib") for site in sorted(sites) for part in (("*",), ("cu*",))]
    roots = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    roots += sorted(glob.glob("/usr/local/cuda-*"), reverse=True)
    patterns += [os.path.join(root, part) for root in roots if root for part in ("lib64", "targets/*/lib")]
    found = [folder for pattern in patterns for folder in sorted(glob.glob(pattern))]
    return [folder for folder in dict.fromkeys(found) if glob.glob(os.path.join(folder, stem + ".so*"))]


def loads(*names):
    """Whether the system finds one of these libraries by itself."""
    for name in names:
        try:
            ctypes.CDLL(name)
            return True
        except OSError:
            pass
    return False


def environment():
    """The variables for our programs: where libraries and files are, and a cache of kernels of their own."""
    folders = []
    for stem in ("libnvrtc", "libcublas"):
        if not loads(*(stem + end for end in (".so", ".so.13", ".so.12"))):
            folders += folders_with(stem)[:1]
    own = [os.path.join(HERE, "lib")]
    given = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    return dict(
        os.environ,
        LD_LIBRARY_PATH=":".join(given + list(dict.fromkeys(folders)) + own),
        XDG_CACHE_HOME=os.path.join(OUT, ".cache"),
        IMNN_GOLDEN=os.path.join(HERE, "golden"),
        IMNN_PEERS=os.path.join(HERE, "peers"),
        IMNN_GPU="1",
        IMNN_DEVICE="cuda",
        RUST_BACKTRACE="0",
    )


def program(name):
    return os.path.join(HERE, "bin", name)


def sanitiser():
    """compute-sanitizer, wherever it is; None if it is not."""
    places = ["compute-sanitizer", "/usr/local/cuda/bin/compute-sanitizer"]
    places += sorted(glob.glob("/usr/local/cuda-*/bin/compute-sanitizer"), reverse=True)
    places += [os.path.join(folder, "..", "bin", "compute-sanitizer") for folder in folders_with("libsanitizer-collection")]
    return next((found for found in map(shutil.which, places) if found), None)


class Step:
    """One step: its name, a function of the options that gives its command or says why there is none, and a time limit."""

    def __init__(self, name, seconds, command, check=None):
        self.name, self.seconds, self.command, self.check = name, seconds, command, check


def tests(name, *filters):
    return lambda options: [program(name), "--nocapture", *filters]


def under(tool, networks):
    """Random networks, and training runs of dense ones, whose blocks share memory."""

    def command(options):
        found = sanitiser()
        if found is None:
            return "compute-sanitizer is not found: it comes with the CUDA toolkit"
        checked = '"$0" --tool %s --error-exitcode 9' % tool
        random, dense = "cuda::tests::random_networks_agree_on_the_gpu", "repeats::dense_networks_repeat_to_the_bit"
        both = '%s "$2" --exact %s && IMNN_GPU_NETWORKS=%d %s "$1" --exact %s' % (checked, dense, networks, checked, random)
        return ["sh", "-c", both, found, program("device"), program("cross")]

    return command


def beside_jax(workload, parts, *more):
    def command(options):
        if subprocess.run([options.python, "-c", "import jax"], stderr=subprocess.DEVNULL).returncode:
            return "%s has no JAX; give another one with --python" % options.python
        # The fewest parts that JAX has been seen to need for fields; to try fewer would take minutes.
        bench = ["env", "PEER_PARTS=%d" % parts, program("bench"), "--cuda", "--json", "--only", workload]
        return [*bench, "--peers", options.python, *more]

    return command


def profiled(workload, launches):
    """Two iterations under ncu, one kernel after the other."""

    def command(options):
        ncu = shutil.which("ncu") or shutil.which("/usr/local/cuda/bin/ncu")
        if ncu is None:
            return "ncu is not found: it comes with the CUDA toolkit"
        # What needs more than one run of a kernel would save and restore all memory around each.
        metrics = "gpu__time_duration.sum,dram__bytes.sum"
        words = [ncu, "--clock-control", "none", "--cache-control", "none", "--metrics", metrics, "--csv", "--print-units", "base"]
        words += ["--launch-count", str(launches), program("bench"), "worker", workload, "--threads", "8", "--cuda"]
        return ["sh", "-c", 'printf "1\\n" | "$@"', "sh", *words]

    return command


def by_kernel(log):
    """Adds up what ncu saw of each kernel."""
    lines = log.splitlines()
    heads = [k for k, line in enumerate(lines) if line.startswith('"ID"')]
    if not heads:
        return "ncu has seen no kernel"
    kernels = {}
    for row in csv.DictReader(lines[heads[0] :]):
        name, metric, value = row.get("Kernel Name"), row.get("Metric Name"), row.get("Metric Value")
        if not name or not metric or not value:
            continue
        own = kernels.setdefault(name.split("(")[0][:60], {})
        own.setdefault(metric, []).append(float(value.replace(",", "")))
    rows = [("kernel", "runs", "microseconds", "of all", "GB/s")]
    time_of = lambda own: sum(own["gpu__time_duration.sum"]) / 1e3
    total = sum(map(time_of, kernels.values()))
    for name, own in sorted(kernels.items(), key=lambda item: -time_of(item[1])):
        runs, rate = own["gpu__time_duration.sum"], sum(own["dram__bytes.sum"]) / time_of(own) / 1e3
        numbers = len(runs), time_of(own), 100 * time_of(own) / total, rate
        rows.append((name, *("%d|%.1f|%.1f %%|%.0f" % numbers).split("|")))
    PROFILES.append("%.1f microseconds in all:\n\n%s" % (total, table(rows)))


def fit(options):
    """A whole training run as users start it: fields of 128 x 128 pixels, new ones in each iteration, 64 filters a branch."""
    point, pool = "kernel = [1, 1], padding = 'same'", "{ max_pool = { window = [3, 3], strides = [1, 1], padding = 'same' } }"

    def block(stride, wide=True):
        down = "strides = [%d, %d]" % (stride, stride)
        one = "{ conv = { filters = 64, %s, %s } }" % (point, down)
        convs = ["{ conv = { filters = 64, kernel = [%d, %d], padding = 'same', %s } }" % (k, k, down) for k in (3, 5)]
        branches = [one] + (["{ conv = { filters = 64, %s } }, %s" % (point, conv) for conv in convs] if wide else [])
        branches.append("%s, %s" % (pool, one))
        return "{ parallel = { branches = [[%s]], join = 'concat' } }, 'leaky_relu'" % "], [".join(branches)

    layers = [block(4), block(4), block(4), block(2, wide=False), "{ conv = { filters = 2, %s } }, 'flatten'" % point]
    text = """
theta_fid = [1.0, 0.5]
simulations = { kind = "simulator", simulator = "power_law_field", n = 128, n_s = 5000, n_d = 5000 }
network = { layers = [{ reshape = [128, 128, 1] }, %s] }
fit = { min_iterations = 400, max_iterations = 500 }
device = { kind = "cuda", tf32 = true }
""" % ", ".join(layers)
    run_file = os.path.join(OUT, ".cache", "field.toml")
    os.makedirs(os.path.dirname(run_file), exist_ok=True)
    with open(run_file, "w") as file:
        file.write(text)
    return [program("imnn"), "fit", run_file, "--out", os.path.join(OUT, ".cache", "field"), "--force", "--json"]


def informative(log):
    """Adds to the report what the run has reached: det F on fresh simulations over that of the fields themselves."""
    run = json.loads(next(line for line in log.splitlines() if line.startswith("{")))
    # A Gaussian field with power A k^-B: half the sum over all modes of the product of d ln P / d theta, at A = 1.
    waves = [2 * math.pi * min(k, 128 - k) / 128 for k in range(128)]
    logs = [math.log(math.hypot(a, b)) for a in waves for b in waves if a or b]
    exact = (len(logs) * math.fsum(x * x for x in logs) - math.fsum(logs) ** 2) / 4
    words = "%d iterations, det F %.4g on fresh simulations, %.1f %% of the exact %.4g; %.0f %% of the time was waiting for simulations"
    share = 100 * run["detF"] / exact
    PROFILES.append("Whole fit: " + words % (run["iterations"], run["detF"], share, exact, 100 * (run["reading_share"] or 0)))


def tested(log):
    """Why tests that passed do not count; None if they do."""
    skipped = [line for line in log.splitlines() if "SKIPPED" in line]
    if skipped:
        return skipped[0]
    if not any(line.startswith("test result: ok. ") and " 0 passed" not in line for line in log.splitlines()):
        return "no test has run"


def alone(options):
    return [program("bench"), "--cuda", "--json", "--quick", "--only", *OTHERS]


def measured(log):
    """Adds to the report what the benchmark has printed."""
    MEASURED.extend(json.loads(log[log.index("\n{") :])["records"])


def faster(log):
    """Which peer is not as much slower than ours as is asked; None if all are."""
    before = len(MEASURED)
    measured(log)
    records, short = MEASURED[before:], []
    for record in records:
        if not any(not program["ours"] for program in record["programs"]):
            short.append("%s: nothing to compare with" % record["workload"])
        for program in record["programs"]:
            times, loop = program.get("times_ours"), "one loop" in program["program"]
            asked = ASKED_LOOP if loop else ASKED.get(record["workload"], 0.0)
            if times is not None and times < asked:
                short.append("%s takes %.2f times as long as ours, not %s" % (program["program"], times, asked))
    return "; ".join(short) or None


MEASURED, PROFILES = [], []
DEVICE = ["cuda::card_tests", "cuda::tests::random_networks_agree_on_the_gpu", "all_ways_to_the_gpu_are_one"]
STEPS = [
    Step("what is there", 30, lambda options: [program("imnn"), "devices"]),
    Step("networks against the CPU", 90, tests("device", *DEVICE), tested),
    Step("each layer", 60, tests("cross", "layers::"), tested),
    Step("golden networks", 40, tests("cross", "golden_net::"), tested),
    Step("golden training runs", 60, tests("cross", "golden_fit::"), tested),
    Step("same bits again", 40, tests("cross", "repeats::"), tested),
    Step("dense beside JAX", 90, beside_jax("dense-exact-1000", 1), faster),
    Step("inception beside JAX", 120, beside_jax("inception-128-wide-64-fly-5000", 10, "--tf32"), faster),
    Step("whole fit", 120, fit, informative),
    Step("memcheck", 60, under("memcheck", 4), tested),
    Step("all workloads", 90, alone, measured),
    Step("profile of dense", 40, profiled("dense-exact-1000", 200), by_kernel),
    Step("profile of inception", 60, profiled("inception-128-wide-64-fly-5000", 900), by_kernel),
    Step("racecheck", 240, under("racecheck", 1), tested),
]


class Options:
    """The command line."""

    def __init__(self, words):
        self.minutes, self.python, self.only = 8.0, sys.executable, [step.name for step in STEPS]
        words = list(words)
        while words:
            word = words.pop(0)
            if word == "--minutes" and words:
                self.minutes = float(words.pop(0))
            elif word == "--python" and words:
                self.python = words.pop(0)
            elif word == "--only" and words:
                self.only, words = words, []
            else:
                sys.exit(USAGE % ", ".join(self.only))
        unknown = [name for name in self.only if name not in [step.name for step in STEPS]]
        if unknown:
            sys.exit("there is no step `%s`\n\n%s" % (unknown[0], USAGE % ", ".join(step.name for step in STEPS)))


def run(command, seconds, env, log):
    """Runs a command with a time limit, in a process group of its own; its status and what it printed."""
    start = log.tell()
    log.write("\n$ %s\n" % " ".join(command))
    log.flush()
    process = subprocess.Popen(command, env=env, cwd=OUT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        process.wait(timeout=max(seconds, 1))
        end = None if process.returncode == 0 else "ended with status %d" % process.returncode
    except subprocess.TimeoutExpired:
        end = "took more than %.0f s" % seconds
    # Whatever it has left running has no business here any more.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    with open(log.name, errors="replace") as text:
        text.seek(start)
        return end, text.read()


def versions(options):
    """What the machine says of itself."""
    lines = ["%s, Python %s" % (platform.platform(), platform.python_version())]
    for command in (
        ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader"],
        [options.python, "-c", "import jax; print('JAX', jax.__version__, jax.devices())"],
        ["sh", "-c", "grep -m1 'model name' /proc/cpuinfo; nproc"],
    ):
        try:
            answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
            lines += answer.stdout.decode(errors="replace").split("\n")
        except (OSError, subprocess.TimeoutExpired) as error:
            lines.append("%s: %s" % (command[0], error))
    return [line.strip() for line in lines if line.strip()]


def table(rows):
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["| %s |" % " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows]
    return "\n".join([lines[0], "|%s|" % "|".join("-" * (width + 2) for width in widths), *lines[1:]])


def rates():
    """The benchmark's numbers as a table."""
    rows = [("workload", "program", "ms/iteration", "times ours", "of products", "of bandwidth", "first iteration")]
    share = lambda value: "" if value is None else "%.1f %%" % (100 * value)
    for record in MEASURED:
        for program in record["programs"]:
            times = program.get("times_ours")
            rows.append((
                record["workload"],
                program["program"],
                "%.3g" % median(program["ms"]),
                "" if times is None else "%.2f" % times,
                share(program.get("share_of_products")),
                share(program.get("share_of_bandwidth")),
                "%.1f s" % median(program["first_iteration_s"]),
            ))
        rows += [(record["workload"], "DID NOT RUN: " + failed, "", "", "", "", "") for failed in record["failed"]]
    return table(rows) if len(rows) > 1 else ""


def median(values):
    values = sorted(values["values"] if isinstance(values, dict) else values)
    return values[len(values) // 2]


def main():
    options = Options(sys.argv[1:])
    end = time.monotonic() + 60 * options.minutes
    env = environment()
    rows, passed = [("step", "result", "seconds")], 0
    with open(os.path.join(OUT, "log.txt"), "w+") as log:
        machine = versions(options)
        log.write("\n".join(machine) + "\nLD_LIBRARY_PATH=%s\n" % env["LD_LIBRARY_PATH"])
        for step in STEPS:
            if step.name not in options.only:
                continue
            start, left = time.monotonic(), end - time.monotonic()
            command = step.command(options) if left > 2 else "no time was left"
            if isinstance(command, str):
                result = "NOT RUN: " + command
            else:
                failed, said = run(command, min(step.seconds, left), env, log)
                why = None
                if step.check and (failed is None or step.check in (faster, by_kernel)):
                    try:
                        why = step.check(said)
                    except (ValueError, KeyError) as error:
                        why = "what it printed is not understood: %r" % error
                why = failed or why
                result = "passed" if why is None else "FAILED: " + why
            passed += result == "passed"
            rows.append((step.name, result, "%.1f" % (time.monotonic() - start)))
            print("%-26s %s" % (step.name, result), flush=True)
    with open(os.path.join(HERE, "made-from.txt")) as text:
        source = text.read().strip()
    text = "\n\n".join(filter(None, [source, "\n".join("- " + line for line in machine), table(rows), rates(), *PROFILES]))
    with open(os.path.join(OUT, "report.md"), "w") as report:
        report.write(text + "\n")
    shutil.rmtree(os.path.join(OUT, ".cache"), ignore_errors=True)
    print("\n%s\n\nreport and log: %s" % (text, OUT))
    sys.exit(passed != len(rows) - 1)


if __name__ == "__main__":
    OUT = os.path.abspath(os.environ.get("OUT") or os.path.join(HERE, "out"))
    os.makedirs(OUT, exist_ok=True)
    main()
