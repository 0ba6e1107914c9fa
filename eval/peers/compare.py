"""Run twindrop and its rivals in turn (A B C A B C …) and print medians, ratios, and the fastest rival.

Every side is one process (`worker.py`, and `benches/peer.rs`) that runs through the whole comparison
and does one unit of work when asked; only one works at a time. "start" alone starts a process for each
unit and waits for its end. Where a work has many rivals, each in many forms (`comparison/forms.py`),
every form is screened first, beside ours, and only the fastest go on to the rounds.

    compare.py --model MODEL --built DIR --data DIR --peer target/release/deps/peer-… \
        --twindrop target/release/twindrop --output table.md
"""

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from comparison import forms, report
from comparison.process import Failed, Side, Start
from comparison.vectors import VectorCheck

SHORT = 50  # a unit of "one" is the same sentence this many times


@dataclass
class Work:
    name: str
    kind: str
    model: Path
    text: Path
    dtype: str
    rivals: list
    batch: int = 32
    # what is screened in place of the text, and the name under which the fastest are kept
    sample: Path | None = None
    group: str = ""


class Comparison:
    def __init__(self, options, vectors):
        self.options, self.vectors = options, vectors
        self.results, self.screened, self.failures, self.fastest, self.ours = [], [], [], {}, {}
        self.not_held = []

    def environment(self, form=None, streams="1x2"):
        more = form.environment if form else {}
        return forms.environment(form.streams if form else streams, more, self.options.isa == "avx2")

    def embed(self, work, text, output):
        return [self.options.twindrop, "embed", "--model", work.model, "--input", text, "--output", output,
                "--dtype", work.dtype]

    def check_ours(self, work, text):
        """Ours must be right before anything is compared with it."""
        if (text, work.dtype) not in self.ours:
            output = self.options.work / "ours.npy"
            subprocess.run(list(map(str, self.embed(work, text, output))), check=True, env=self.environment())
            self.ours[text, work.dtype] = self.vectors.check(text, output)
        return self.ours[text, work.dtype]

    def start_ours(self, work, text):
        streams = "1x1" if work.kind == "one" else "1x2"
        if work.kind == "once":
            side = Start("twindrop", self.embed(work, text, self.options.work / "one.npy"), self.environment())
        else:
            command = [self.options.peer, work.kind, work.model, text, work.dtype, str(work.batch)]
            side = Side("twindrop", command, self.environment(streams=streams))
        side.checked = self.check_ours(work, text) if work.kind != "train" else (None, None)
        return side

    def start_rival(self, work, form, text):
        name = form.name
        if self.options.isa == "avx2" and form.not_held():
            name += " †"
            self.not_held.append(form.not_held())
        file = self.options.work / "theirs.npy"
        file.unlink(missing_ok=True)
        with_vectors = form.command(work.kind, text, file)
        if work.kind == "train":
            side = Side(name, form.command("train", text), self.environment(form))
            side.checked = None, None
        elif work.kind == "once":
            side = Start(name, form.command("once", text), self.environment(form), with_vectors)
            side.checked = self.vectors.check(text, file)
        else:
            side = Side(name, with_vectors, self.environment(form))
            try:
                side.checked = self.vectors.check(text, file)
            except Failed:
                side.close()
                raise
        return side

    def fail(self, work, form, error):
        print(f"could not run: {work.name}: {form.name}: {error}", file=sys.stderr, flush=True)
        self.failures.append({"work": work.name, "side": form.name, "why": str(error)})

    def told(self, work, side, ours):
        parts = SHORT if work.kind == "one" else 1
        ratios = [theirs / of_ours for theirs, of_ours in zip(side.times, ours)]
        return {"work": work.name, "side": side.name, "milliseconds": [time / parts for time in side.times],
                "ratios": ratios, "ratio": statistics.median(ratios), "peak_mib": side.peak,
                "spearman": side.checked[0], "cosine": side.checked[1]}

    def screen_one(self, work, form, ours):
        """The ratio of one form to ours, asked in turn; None where it cannot run."""
        text = work.sample or work.text
        try:
            # the vectors that are checked were the warm-up
            side = self.start_rival(work, form, text)
            of_ours = []
            # a unit of a fraction of a second is soon disturbed
            for _ in range(self.options.screen * (7 if work.kind == "one" else 1)):
                of_ours.append(ours.unit())
                side.times.append(side.unit())
        except Failed as error:
            return self.fail(work, form, error)
        side.close()
        found = self.told(work, side, of_ours) | {"number": len(self.fastest)}
        self.screened.append(found)
        print(f"screened {work.name}: {side.name}: {found['milliseconds'][-1]:.2f} ms, ratio {found['ratio']:.2f}, "
              f"cosine {found['cosine']:.4f}", flush=True)
        self.write()
        return found["ratio"]

    def fastest_forms(self, work):
        """The fastest forms, and sentence-transformers at its best as well as by PyTorch."""
        if work.group in self.fastest:
            return self.fastest[work.group]
        ours = self.start_ours(work, work.sample or work.text)
        ours.unit()

        def ranked(candidates):
            ratios = [(self.screen_one(work, form, ours), number) for number, form in enumerate(candidates)]
            return [(ratio, candidates[number]) for ratio, number in sorted(one for one in ratios if one[0])]

        ranking = ranked(work.rivals)
        if work.kind == "encode":
            # at the other size of batch, only what may still be among the fastest
            again = self.chosen(ranking, 2 * self.options.keep)
            ranking = sorted(ranking + ranked([replace(form, batch=64) for form in again]), key=lambda one: one[0])
        ours.close()
        self.fastest[work.group] = self.chosen(ranking, self.options.keep)
        return self.fastest[work.group]

    @staticmethod
    def chosen(ranking, keep):
        found, seen = [], set()
        for _, form in ranking:
            # of each form its better size of batch
            told = replace(form, batch=0).name
            library = form.library.startswith("sentence-transformers")
            first = library and not any(one.library.startswith("sentence-transformers") for one in found)
            if told not in seen and (len(seen) < keep or first or form.library == "sentence-transformers, torch"):
                found.append(form)
            seen.add(told)
        return found

    def measure(self, work):
        rivals = work.rivals
        if self.options.screen and work.kind in ("encode", "one"):
            rivals = self.fastest_forms(work)
        sides = [self.start_ours(work, work.text)]
        form_of = {}
        for form in rivals:
            try:
                sides.append(self.start_rival(work, form, work.text))
                form_of[id(sides[-1])] = form
            except Failed as error:
                self.fail(work, form, error)
        for turn in range(self.options.warm + self.options.rounds):
            for side in list(sides):
                try:
                    time = side.unit()
                except Failed as error:
                    if side is sides[0]:
                        raise
                    self.fail(work, form_of[id(side)], error)
                    sides.remove(side)
                    continue
                if turn >= self.options.warm:
                    side.times.append(time)
        for side in sides:
            side.close()
            self.results.append(self.told(work, side, sides[0].times))
        print("\n".join(report.measured_table(self.results[-len(sides):])), flush=True)
        self.write()

    def write(self):
        options = self.options
        held = " Every side is held back to AVX2, except those marked †." if options.isa == "avx2" else ""
        settings = {
            "not_held": self.not_held,
            "told": f"2 threads a side (one short sentence: 1); {options.warm} round(s) unmeasured, "
            f"{options.rounds} measured; ratios are medians over rounds, above 1 where ours is faster.{held}",
            "screened": f"{options.screen} round(s) each beside ours (one short sentence: {7 * options.screen}); the "
            f"{options.keep} fastest were measured above.",
        }
        report.write(options.output, settings, options.overlays, self.results, self.screened, self.failures)
        if options.json:
            told = {"machine": report.machine(), "measured": self.results, "screened": self.screened,
                    "could_not_run": self.failures}
            options.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def base_shape(model, directory):
    """A model of BERT-base's shape with random weights and the tokenizer of `model`."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(42)
    BertModel(BertConfig(), add_pooling_layer=False).save_pretrained(directory)
    AutoTokenizer.from_pretrained(model).save_pretrained(directory)


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def make_works(options, file):
    """What is compared. `file` writes lines to a file and gives its path."""
    pairs = [line.split("\t") for line in lines_of(options.data / "sts-raw/stsb-train.tsv")]
    sentences = list(dict.fromkeys(text for pair in pairs for text in pair[2:4]))
    random.Random(42).shuffle(sentences)
    test = [line.split("\t") for line in lines_of(options.data / "sts-raw/stsb-test.tsv")]
    tests = [pair[2] for pair in test] + [pair[3] for pair in test]
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    length = [len(encoding.ids) for encoding in tokenizer.encode_batch(sentences)]
    words = " ".join(sentences).split()
    long = [" ".join(words[170 * i : 170 * (i + 1)]) for i in range(512)]

    mixed = file("random.txt", sentences[:2048])
    even = file("even.txt", [text for text, tokens in zip(sentences, length) if tokens == 14][:640])
    repeats, distinct = file("test.txt", tests), file("distinct.txt", list(dict.fromkeys(tests)))
    longs, sample, one = file("long.txt", long), file("long-sample.txt", long[:128]), file("one.txt", tests[:1])
    base = options.work / "bert-base"
    # its tokenizer is saved last
    if not (base / "tokenizer.json").exists():
        base_shape(options.model, base)

    works = []
    for dtype in ["float32", "bfloat16"]:
        for name, model, text, size in [
            ("train, MiniLM, 64 random × 2", options.model, mixed, 64),
            ("train, MiniLM, 64 of equal length × 2", options.model, even, 64),
            ("train, BERT-base shape, 16 random × 2", base, mixed, 16),
        ]:
            works.append(Work(f"{name}, {dtype}", "train", model, text, dtype, forms.trainers(model, dtype, size), size))
    places = options.model, options.built, options.overlays
    for dtype in ["float32", "bfloat16", "int8"]:
        rivals = forms.every_form(*places, dtype, ["1x2", "2x1", "2p1"])
        for name, text, taken, group in [
            ("encode STS-B test, distinct", distinct, None, "short"),
            ("encode STS-B test, with repeats", repeats, None, "short"),
            ("encode 512 × 256 tokens", longs, sample, "long"),
        ]:
            works.append(Work(f"{name}, {dtype}", "encode", options.model, text, dtype, rivals, 32, taken,
                              f"{group}, {dtype}"))
    for dtype in ["float32", "bfloat16", "int8"]:
        rivals = [replace(form, batch=1) for form in forms.every_form(*places, dtype, ["1x1"])]
        name = f"one short sentence, 1 thread, {dtype}"
        works.append(Work(name, "one", options.model, one, dtype, rivals, 1, None, name))
    rivals = [replace(form, batch=1) for form in forms.every_form(*places, "float32", ["1x2"]) if "compile" not in form.options]
    works.append(Work("start, one sentence, float32", "once", options.model, one, "float32", rivals, 1))
    return works, [(float(score), first, second) for _, score, first, second in test]


def main() -> None:
    parser = argparse.ArgumentParser(description="Interleaved comparison of twindrop with its rivals.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--built", type=Path, required=True, help="what the export scripts made, as speed.sh lays it out")
    parser.add_argument("--overlays", type=Path, default=Path("overlays"), help="packages of two back ends: DIR/{onnx,openvino}")
    parser.add_argument("--data", type=Path, required=True, help="directory with sts-raw/stsb-*.tsv")
    parser.add_argument("--peer", type=Path, required=True, help="the binary of `cargo build --release --bench peer`")
    parser.add_argument("--twindrop", type=Path, required=True, help="the program")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "twindrop-compare", help="where files are made")
    parser.add_argument("--only", default="", help="works whose name contains this")
    parser.add_argument("--forms", default="", help="rivals whose name this regular expression finds")
    parser.add_argument("--lines", type=int, help="only the first lines of each file: to try, not to measure")
    parser.add_argument("--isa", choices=["avx2"], help="hold every side that can be held back to AVX2")
    parser.add_argument("--screen", type=int, default=1, help="rounds in which every form is tried first; 0: all go on")
    parser.add_argument("--keep", type=int, default=4, help="the fastest forms that go on, beside sentence-transformers")
    parser.add_argument("--least-cosine", type=float, default=0.97, help="refuse forms whose vectors differ more from float32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--warm", type=int, default=1, help="rounds before those, not measured")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="also write every time measured to this file")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)

    def file(name, lines):
        path = options.work / name
        path.write_text("\n".join(lines[: options.lines]) + "\n", encoding="utf-8")
        return path

    works, test = make_works(options, file)
    works = [work for work in works if options.only in work.name]
    if not works:
        parser.error(f"no work's name contains {options.only}")
    vectors = VectorCheck(test, lines_of, options.least_cosine)
    comparison = Comparison(options, vectors)
    for work in works:
        work.rivals = [form for form in work.rivals if re.search(options.forms, form.name)]
        for text in {work.text, work.sample} - {None}:
            if work.kind != "train" and text not in vectors.references:
                vectors.reference(text, forms.Form("", "pytorch", options.model, "float32").command, comparison.environment())
        comparison.measure(work)
    print(options.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
