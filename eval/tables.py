"""Figures that the scripts beside this file have measured, as one JSON and a Markdown table.

    tables.py sts FILE.json…                    of `twindrop eval --suite sts --output FILE.json`
    tables.py stsb OUT SEED…                    and so on, each called by the script of its name
    tables.py peak FILE.json COMMAND…           runs a command, and writes its peak memory
"""

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write(path, value):
    Path(path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def percent(value):
    return "undefined" if value is None else f"{100 * value:.2f}"


def table(header, rows, left=1):
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * left + " ---: |" * (len(header) - left))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print()


def spread(values):
    """Mean and standard deviation, where there are several."""
    if len(values) < 2 or None in values:
        return []
    return [("mean", statistics.mean(values)), ("standard deviation", statistics.stdev(values))]


def sts(*files):
    for file in filter(os.path.exists, files):
        report = read(file)
        model = report["models"][0]
        sets = [(name, entry["figures"]) for name, entry in model["sets"].items()]
        columns = sets + [("average", model["average"])]
        rows = []
        for figure in report["figures"]:
            cells = [figures[figure] for _, figures in columns]
            rows.append([figure] + [percent(cell["value"]) for cell in cells])
            for end, name in enumerate(["low", "high"]):
                ends = [cell.get("interval") for cell in cells]
                if any(ends):
                    rows.append([name] + [percent(both[end]) if both else "" for both in ends])
        print(f"{Path(file).stem}, protocol {report['protocol']}\n")
        if "comparisons" not in report:
            table([""] + [name for name, _ in columns], rows)
            continue
        compared, rival = report["comparisons"][0], report["compared_with"][0]
        figure, rows = report["figures"][0], []
        for name, figures in columns:
            other = rival["average"] if name == "average" else rival["sets"][name]["figures"]
            by = compared["average"] if name == "average" else compared["sets"][name]
            by, test = by[figure], by[figure]["williams"]
            ends = " [" + ", ".join(map(percent, by["interval"])) + "]" if by["interval"] else ""
            p = ["" if p is None else f"{p:.4f}" for p in [by["p_permutation"], test and test["p"]]]
            values = [percent(figures[figure]["value"]), percent(other[figure]["value"])]
            rows.append([name, *values, percent(by["difference"]) + ends, *p])
        table([figure, "first", "second", "difference", "p (permutation)", "p (Williams)"], rows)


def stsb(out, *seeds):
    out = Path(out)

    def scores(name):
        return {split: read(out / f"{name}-{split}.json")["spearman_cosine"] for split in ["dev", "test"]}

    runs = [{"run": "before training", "seed": None, **scores("before")}]
    names = {
        "a": "twindrop, cosine MSE",
        "b": "twindrop, R-Drop on scores",
        "c": "twindrop, R-Drop and InfoNCE alternating",
    }
    for seed in seeds:
        rival = out / f"st-{seed}.json"
        if rival.exists():
            report = read(rival)
            name = f"sentence-transformers {report['versions']['sentence-transformers']}, CosineSimilarityLoss"
            runs.append({"run": name, "seed": int(seed), **report["after"]})
    for letter, name in names.items():
        runs += [{"run": name, "seed": int(seed), **scores(f"{letter}-{seed}")} for seed in seeds]
    write(out / "stsb.json", runs)
    rows = [[run["run"], run["seed"] or "", percent(run["dev"]), percent(run["test"])] for run in runs]
    for name in dict.fromkeys(run["run"] for run in runs):
        own = [run for run in runs if run["run"] == name]
        both = zip(spread([run["dev"] for run in own]), spread([run["test"] for run in own]))
        rows += [[name, word, percent(dev), percent(test)] for (word, dev), (_, test) in both]
    table(["run", "seed", "dev", "test"], rows)


def sample(out, *seeds):
    out, runs = Path(out), []
    for seed in seeds:
        # │ dev (dev) ┆ before ┆ after │
        text = (out / f"sample-{seed}.txt").read_text(encoding="utf-8")
        lines = re.findall(r"(dev|test) \(.*?\)\s*┆\s*([\d.-]+)\s*┆\s*([\d.-]+)", text)
        runs.append({"seed": int(seed), **{name: [float(before), float(after)] for name, before, after in lines}})
    write(out / "sample.json", runs)
    gains = [(run["seed"], *(run[split][1] - run[split][0] for split in ["dev", "test"])) for run in runs]
    rows = [[seed, f"{dev:+.1f}", f"{test:+.1f}"] for seed, dev, test in gains]
    both = zip(spread([gain[1] for gain in gains]), spread([gain[2] for gain in gains]))
    rows += [[word, f"{dev:+.1f}" if word == "mean" else f"{dev:.1f}", f"{test:+.1f}" if word == "mean" else f"{test:.1f}"]
             for (word, dev), (_, test) in both]
    table(["seed", "dev", "test"], rows, left=0)


def whitening(out, *models):
    out, models = Path(out), [model for model in models if model != "--model"]
    runs = []
    for number, model in enumerate(models):
        report = read(out / f"{number}.json")
        runs.append({"model": "before" if number == 0 else Path(model).name, **report})
    write(out / "whitening.json", runs)
    rows = []
    for run in runs:
        low, high = run["intervals"]["spearman_cosine"]
        whole = run["geometry"]["all"]
        figures = [f"{whole[name]:.3f}" for name in ["alignment", "uniformity", "mean_cosine"]]
        figures += [f"{whole['effective_rank']:.1f}", f"{whole['hubness']:.2f}"]
        rows.append([run["model"], f"{percent(run['spearman_cosine'])} [{percent(low)}, {percent(high)}]", *figures])
    header = ["", "Spearman × 100", "alignment", "uniformity", "mean cosine", "effective rank", "hubness"]
    table(header, rows)


def dtypes(out, *seeds):
    out = Path(out)

    def score(name):
        return read(out / f"{name}.json")["spearman_cosine"]

    whole = {dtype: score(dtype) for dtype in ["float32", "bfloat16", "int8"]}
    trained = [{"seed": int(seed), **{dtype: score(f"{dtype}-{seed}") for dtype in ["float32", "bfloat16"]}} for seed in seeds]
    write(out / "dtypes.json", {"evaluated": whole, "trained": trained})
    table(["STS-B test, Spearman × 100", ""], [[name, percent(value)] for name, value in whole.items()])
    rows = [[run["seed"], percent(run["float32"]), percent(run["bfloat16"])] for run in trained]
    both = zip(*(spread([run[dtype] for run in trained]) for dtype in ["float32", "bfloat16"]))
    rows += [[word, percent(one), percent(two)] for (word, one), (_, two) in both]
    table(["seed", "float32", "bfloat16"], rows, left=0)


def operations(out):
    out = Path(out)
    text = (out / "operations.txt").read_text(encoding="utf-8")
    units = {"ns": 1e-6, "µs": 1e-3, "us": 1e-3, "ms": 1, "s": 1e3}
    runs = []
    names = {"F32": "float32", "Bf16": "bfloat16", "Int8": "int8"}
    # NAME direction/Dtype   time: [low unit median unit high unit]   thrpt: likewise, of a product's
    # operations and of the numbers of all else   …   N % of the machine's peak
    for part in re.split(r"\n(?=\S[^\n]* (?:forward|backward)/)", "\n" + text):
        name = re.match(r"(.*) (forward|backward)/(\w+)", part)
        time = re.search(r"time:\s*\[\S+ \S+ (\S+) (\S+) \S+ \S+\]", part)
        rate = re.search(r"thrpt:\s*\[\S+ \S+ (\S+) Gelem/s", part)
        product = name and name[1].startswith(("linear", "attention"))
        share = re.search(r"(\d+) % of the machine's peak", part)
        if name and time:
            runs.append({"operation": name[1], "direction": name[2], "arithmetic": names[name[3]],
                         "milliseconds": float(time[1]) * units[time[2]],
                         "gigaflops": float(rate[1]) if product and rate else None,
                         "share_of_the_machine": int(share[1]) / 100 if share else None})
    write(out / "operations.json", runs)
    rows = [[run["operation"], run["direction"], run["arithmetic"], f"{run['milliseconds']:.2f}",
             "" if run["gigaflops"] is None else f"{run['gigaflops']:.0f}",
             "" if run["share_of_the_machine"] is None else f"{100 * run['share_of_the_machine']:.0f} %"] for run in runs]
    table(["operation", "", "arithmetic", "ms", "GFLOP/s", "share of the machine"], rows, left=3)


def peak(file, *command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    write(file, {"command": command, "peak_mib": usage.ru_maxrss / 1024})


def memory(out, *batches):
    out = Path(out)
    runs = [{"batch": batch, **read(out / f"memory-{batch.replace('/', '-')}.json")} for batch in batches]
    write(out / "memory.json", runs)
    table(["batch, /parts", "peak MiB"], [[run["batch"], f"{run['peak_mib']:.0f}"] for run in runs], left=0)


if __name__ == "__main__":
    kinds = [sts, stsb, sample, whitening, dtypes, operations, peak, memory]
    {kind.__name__: kind for kind in kinds}[sys.argv[1]](*sys.argv[2:])
