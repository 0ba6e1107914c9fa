"""The tables: the machine, what was measured, every form screened, what could not run, a summary."""

import importlib.metadata
import statistics
import sys
from pathlib import Path

LIBRARIES = ["torch", "transformers", "tokenizers", "sentence-transformers", "onnxruntime", "openvino", "nncf",
             "ctranslate2", "fastembed", "numpy"]
FLAGS = ["avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"]


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in lines if ":" in line}
    flags = set(facts.get("flags", "").split())
    cores = sum(line.startswith("processor") for line in lines)
    name = f"{facts.get('model name', 'unknown')} (family {facts.get('cpu family')}, model {facts.get('model')})"
    return f"{cores} cores of {name}; of {', '.join(FLAGS)} it has {', '.join(one for one in FLAGS if one in flags)}."


def versions(overlays):
    told = []
    for name in LIBRARIES:
        try:
            told.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            told.append(f"{name} none")
    for place in sorted(overlays.glob("*")) if overlays else []:
        names = ["sentence-transformers", "transformers", "optimum", "optimum-onnx", "optimum-intel"]
        found = {one.metadata["Name"].lower().replace("_", "-"): one.version for one in
                 importlib.metadata.distributions(path=[str(place)])}
        told.append(f"sentence-transformers' {place.name} back end with " +
                    " and ".join(f"{name} {found[name]}" for name in names if name in found))
    return f"Python {sys.version.split()[0]}, " + ", ".join(told) + "."


def milliseconds(time):
    return f"{time:.0f}" if time >= 100 else f"{time:.1f}" if time >= 10 else f"{time:.3f}"


def spread(values):
    if len(values) < 2:
        return ""
    quarter = statistics.quantiles(values, n=4, method="inclusive")
    return f"{milliseconds(quarter[0])}–{milliseconds(quarter[2])}"


def maybe(number, digits):
    return "" if number is None else f"{number:.{digits}f}"


def table(head, rows):
    sides = ["---" if one in ("work", "side", "why", "fastest rival") else "---:" for one in head]
    lines = [head, sides, *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def measured_table(results):
    head = ["work", "side", "ms, median", "quartiles", "ratio to twindrop", "peak MiB", "Spearman", "cosine"]
    rows = [
        [one["work"], one["side"], milliseconds(statistics.median(one["milliseconds"])), spread(one["milliseconds"]),
         f"{one['ratio']:.2f}", f"{one['peak_mib']:.0f}", maybe(one["spearman"], 2), maybe(one["cosine"], 4)]
        for one in results
    ]
    return table(head, rows)


def screened_table(screened):
    head = ["work", "side", "ms, median", "ratio to twindrop", "peak MiB", "Spearman", "cosine"]
    rows = [
        [one["work"], one["side"], milliseconds(statistics.median(one["milliseconds"])), f"{one['ratio']:.2f}",
         f"{one['peak_mib']:.0f}", maybe(one["spearman"], 2), maybe(one["cosine"], 4)]
        for one in sorted(screened, key=lambda one: (one["number"], one["ratio"]))
    ]
    return table(head, rows)


def summary_table(results):
    works = {}
    for one in results:
        works.setdefault(one["work"], []).append(one)
    rows = []
    for work, (ours, *rivals) in works.items():
        if not rivals:
            continue
        best = min(rivals, key=lambda one: one["ratio"])
        least = min(rivals, key=lambda one: one["peak_mib"])
        rows.append([work, best["side"], milliseconds(statistics.median(best["milliseconds"])),
                     milliseconds(statistics.median(ours["milliseconds"])), f"{best['ratio']:.2f}",
                     spread_of_ratio(best), f"{least['peak_mib'] / ours['peak_mib']:.2f}"])
    head = ["work", "fastest rival", "its ms", "our ms", "ratio", "quartiles of ratio", "least memory of these, ratio"]
    return table(head, rows)


def spread_of_ratio(one):
    if len(one["ratios"]) < 2:
        return ""
    quarter = statistics.quantiles(one["ratios"], n=4, method="inclusive")
    return f"{quarter[0]:.2f}–{quarter[2]:.2f}"


def write(path, settings, overlays, results, screened, failures):
    lines = ["# Twindrop and its rivals", "", machine(), "", versions(overlays), "", settings["told"], ""]
    lines += [f"† not held back to AVX2: {why}." for why in sorted(set(settings["not_held"]))] + [""]
    lines += ["## The fastest rival of each work", "", *summary_table(results)]
    lines += ["## Measured in turn", "", *measured_table(results)]
    if screened:
        lines += ["## Every form, screened", "", settings["screened"], "", *screened_table(screened)]
    if failures:
        head = ["work", "side", "why"]
        rows = [[one["work"], one["side"], one["why"].replace("|", "/")] for one in failures]
        lines += ["## Could not run, or refused", "", *table(head, rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
