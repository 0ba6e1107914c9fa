"""Run twindrop and its rivals in turn (A B C A B C …) and print medians and ratios.

Every side is one process that lives through the comparison and does one unit of work when asked
(`worker.py`, and `benches/peer.rs`); only one works at a time. "start" alone starts a process for
each unit and waits for its end. Rows: the work, each side's median
and quartiles in milliseconds, its ratio to ours in the same round (median; above 1, ours is
faster), and its peak resident memory.

    compare.py --model MODEL --onnx DIR --data DIR --peer target/release/deps/peer-… \
        --twindrop target/release/twindrop --output table.md
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="2", RAYON_NUM_THREADS="2", TOKENIZERS_PARALLELISM="false")


class Side:
    """A process that lives: a unit is a line to it and a line from it."""

    def __init__(self, name, command):
        self.name, self.times = name, []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT
        )
        for line in self.process.stdout:
            if line.strip() == "ready":
                return
        sys.exit(f"{name}: {' '.join(map(str, command))} ended early")

    def unit(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        self.peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
        self.process.kill()
        self.process.wait()


class Start:
    """A process a unit, from its start to its end."""

    def __init__(self, name, command):
        self.name, self.times, self.command, self.peak = name, [], command, 0

    def unit(self):
        begin = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{self.name}: {' '.join(map(str, self.command))} failed")
        self.peak = max(self.peak, usage.ru_maxrss / 1024)
        return 1e3 * (time.perf_counter() - begin)

    def close(self):
        pass


def compare(work, sides, rounds, warm):
    kind = Start if work.startswith("start") else Side
    sides = [kind(name, command) for name, command in sides]
    for turn in range(warm + rounds):
        for side in sides:
            time = side.unit()
            if turn >= warm:
                side.times.append(time)
    rows, told = [], []
    for side in sides:
        side.close()
        ratios = [theirs / ours for theirs, ours in zip(side.times, sides[0].times)]
        quarter = statistics.quantiles(side.times, n=4)
        rows.append(
            f"| {work} | {side.name} | {statistics.median(side.times):.0f} | {quarter[0]:.0f}–{quarter[2]:.0f} "
            f"| {statistics.median(ratios):.2f} | {side.peak:.0f} |"
        )
        print(rows[-1], flush=True)
        told.append({"work": work, "side": side.name, "milliseconds": side.times,
                     "ratio": statistics.median(ratios), "peak_mib": side.peak})
    return rows, told


def base_shape(model, directory):
    """A model of BERT-base's shape with random weights and the tokenizer of `model`."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(42)
    BertModel(BertConfig(), add_pooling_layer=False).save_pretrained(directory)
    AutoTokenizer.from_pretrained(model).save_pretrained(directory)


def main() -> None:
    parser = argparse.ArgumentParser(description="Interleaved comparison of twindrop with its rivals.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--onnx", type=Path, required=True, help="made by export_onnx.py")
    parser.add_argument("--data", type=Path, required=True, help="directory with sts-raw/stsb-*.tsv")
    parser.add_argument("--peer", type=Path, required=True, help="the binary of `cargo build --release --bench peer`")
    parser.add_argument("--twindrop", type=Path, required=True, help="the program")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "twindrop-compare", help="where files are made")
    parser.add_argument("--only", default="", help="comparisons whose name contains this")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--warm", type=int, default=2, help="rounds before those, not measured")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="also write every time measured to this file")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)

    pairs = [line.split("\t") for line in (options.data / "sts-raw/stsb-train.tsv").read_text().splitlines()]
    sentences = list(dict.fromkeys(text for pair in pairs for text in pair[2:4]))
    random.Random(42).shuffle(sentences)
    test = [line.split("\t") for line in (options.data / "sts-raw/stsb-test.tsv").read_text().splitlines()]
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    length = [len(encoding.ids) for encoding in tokenizer.encode_batch(sentences)]
    words = " ".join(sentences).split()
    long = [" ".join(words[170 * i : 170 * (i + 1)]) for i in range(512)]

    def file(name, lines):
        path = options.work / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    mixed = file("random.txt", sentences[:2048])
    even = file("even.txt", [text for text, tokens in zip(sentences, length) if tokens == 14][:640])
    tests = file("test.txt", [pair[2] for pair in test] + [pair[3] for pair in test])
    longs = file("long.txt", long)
    one = file("one.txt", tests.read_text().splitlines()[:1])
    base = options.work / "bert-base"
    if not base.exists():
        base_shape(options.model, base)

    def ours(kind, model, text, dtype, size):
        return ("twindrop", [options.peer, kind, model, text, dtype, str(size)])

    def theirs(name, kind, model, text, dtype, size):
        return (f"{name}, batch {size}", [sys.executable, HERE / "worker.py", kind, model, text, dtype, str(size)])

    comparisons = []
    for dtype in ["float32", "bfloat16"]:
        for name, model, text, size in [
            ("train, MiniLM, 64 random × 2", options.model, mixed, 64),
            ("train, MiniLM, 64 of equal length × 2", options.model, even, 64),
            ("train, BERT-base shape, 16 random × 2", base, mixed, 16),
        ]:
            sides = [ours("train", model, text, dtype, size), theirs("PyTorch", "train-torch", model, text, dtype, size)]
            comparisons.append((f"{name}, {dtype}", sides))
    for name, text in [("encode STS-B test", tests), ("encode 512 × 256 tokens", longs)]:
        for dtype in ["float32", "bfloat16", "int8"]:
            sides = [ours("encode", options.model, text, dtype, 32)]
            if dtype != "int8":
                sides += [
                    theirs("PyTorch, sorted", "encode-torch", options.model, text, dtype, 64),
                    theirs("sentence-transformers", "encode-st", options.model, text, dtype, 64),
                ]
            if dtype == "float32":
                sides += [theirs("ONNX Runtime", "encode-onnx", options.onnx / "model.onnx", text, dtype, size) for size in [32, 64]]
            if dtype == "int8":
                for kind in ["int8", "int8_channel"]:
                    sides += [theirs(f"ONNX Runtime {kind}", "encode-onnx", options.onnx / f"{kind}.onnx", text, dtype, size) for size in [32, 64]]
            comparisons.append((f"{name}, {dtype}", sides))

    embed = [options.twindrop, "embed", "--model", options.model, "--input", one, "--output", options.work / "one.npy"]
    sides = [("twindrop", embed), theirs("sentence-transformers", "once-st", options.model, one, "float32", 1)]
    comparisons.append(("start, one sentence, float32", sides))

    head = ["| work | side | ms, median | quartiles | ratio to twindrop | peak MiB |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    rows, told = [], []
    for work, sides in comparisons:
        if options.only in work:
            more, measured = compare(work, sides, options.rounds, options.warm)
            rows, told = rows + more, told + measured
            if options.json:
                options.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            options.output.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")
    print(platform.processor() or platform.machine())


if __name__ == "__main__":
    main()
