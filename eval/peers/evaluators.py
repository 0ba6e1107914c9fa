"""sentence-transformers' evaluators and scikit-learn's classifier, against `twindrop eval`.

Has `twindrop embed` write a vector for each text, asks the rivals of those vectors, and compares
with what `twindrop eval pairs`, `triplets`, `retrieval` and `probe` print: SNLI dev (entailed or
contradicted; premises with both as triplets), a search made of STS-B test (second sentences by
first ones, answers being those scored 4 or more) and SICK entailment. Writes the search to
OUTPUT, as `eval retrieval --data-dir` reads it. Fails where a figure differs by 1e-6 or more.

    python eval/peers/evaluators.py --model MODEL --data DATA --output stsb-search \
        --twindrop target/release/twindrop
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from sentence_transformers.sentence_transformer import evaluation
from sentence_transformers.util import cos_sim
from sklearn.linear_model import LogisticRegression

CUTOFFS = [1, 3, 5, 10, 100]
FAMILIES = ["accuracy", "precision", "recall", "ndcg", "mrr", "map"]
KINDS = ["cosine", "dot", "euclidean", "manhattan"]
WITHIN = 1e-6


def rows(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line.split("\t") for line in lines if line]


class Table:
    """A model that looks its vectors up."""

    similarity_fn_name = "cosine"

    def __init__(self, options, texts):
        texts = list(dict.fromkeys(texts))
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "texts.txt"
            target = pathlib.Path(folder) / "vectors.npy"
            source.write_text("\n".join(texts) + "\n", encoding="utf-8")
            command = [options.twindrop, "embed", "--model", options.model]
            subprocess.run([*command, "--input", source, "--output", target], check=True)
            self.rows = torch.tensor(np.load(target), dtype=torch.float64)
        assert len(self.rows) == len(texts)
        self.places = {text: place for place, text in enumerate(texts)}

    def encode(self, texts, **_):
        return self.rows[[self.places[text] for text in texts]]

    encode_query = encode_document = encode


class Numbers(Table):
    """The same, as pairs ask for it."""

    def encode(self, texts, **_):
        return super().encode(texts).numpy()


def ours(options, arguments):
    command = [options.twindrop, "eval", *arguments, "--model", options.model]
    start = time.monotonic()
    output = subprocess.run([*command, "--format", "json"], check=True, capture_output=True)
    print(f"{' '.join(map(str, arguments))}: {time.monotonic() - start:.1f} s")
    return json.loads(output.stdout)


def quiet(evaluator):
    evaluator.store_metrics_in_model_card_data = lambda *_: None
    return evaluator


def pairs(options, path):
    judged = [row for row in rows(path) if row[2] != "neutral"]
    left, right, kinds = zip(*judged)
    labels = [int(kind == "entailment") for kind in kinds]
    evaluator = quiet(
        evaluation.BinaryClassificationEvaluator(
            left, right, labels, similarity_fn_names=KINDS, write_csv=False
        )
    )
    found = evaluator(Numbers(options, [*left, *right]))
    arguments = ["pairs", "--data", path, "--positive", "entailment", "--negative", "contradiction"]
    return found, ours(options, arguments)


def triplets(options, path):
    """Entailed and contradicted hypotheses of a premise, in order and going round."""
    judged = {}
    for premise, hypothesis, kind in rows(path):
        kinds = judged.setdefault(premise, {"entailment": [], "contradiction": []})
        kinds.get(kind, []).append(hypothesis)
    found = []
    for premise, kinds in judged.items():
        near, far = kinds["entailment"], kinds["contradiction"]
        for place, positive in enumerate(near if far else []):
            negative = far[place % len(far)]
            if negative != positive:
                found.append((premise, positive, negative))
    evaluator = quiet(
        evaluation.TripletEvaluator(*zip(*found), similarity_fn_names=KINDS, write_csv=False)
    )
    model = Table(options, [text for triplet in found for text in triplet])
    told = ours(options, ["triplets", "--data", path, "--nli-triplets"])
    assert told["triplets"] == len(found), f"{told['triplets']} triplets of {len(found)}"
    return evaluator(model), told


def search(path, output):
    """Writes and returns queries, corpus and answers."""
    scored = [(float(score), left, right) for _, score, left, right in rows(path)]
    documents = {text: f"d{i:05}" for i, text in enumerate(dict.fromkeys(r for *_, r in scored))}
    questions, answers = {}, {}
    for score, left, right in scored:
        if score >= 4:
            query = questions.setdefault(left, f"q{len(questions):05}")
            answers.setdefault(query, set()).add(documents[right])
    output.mkdir(exist_ok=True)
    for name, entries in [("queries", questions), ("corpus", documents)]:
        lines = [f"{entry}\t{text}\n" for text, entry in entries.items()]
        (output / f"{name}.tsv").write_text("id\ttext\n" + "".join(lines), encoding="utf-8")
    lines = [f"{query}\t{each}\t1\n" for query, found in answers.items() for each in sorted(found)]
    head = "query-id\tcorpus-id\tscore\n"
    (output / "qrels.tsv").write_text(head + "".join(lines), encoding="utf-8")
    turned = [{entry: text for text, entry in side.items()} for side in (questions, documents)]
    return *turned, answers


def retrieval(options, path):
    questions, documents, answers = search(path, options.output)
    evaluator = evaluation.InformationRetrievalEvaluator(
        questions,
        documents,
        answers,
        mrr_at_k=CUTOFFS,
        ndcg_at_k=CUTOFFS,
        accuracy_at_k=CUTOFFS,
        precision_recall_at_k=CUTOFFS,
        map_at_k=CUTOFFS,
        score_functions={"cosine": cos_sim},
    )
    model = Table(options, [*questions.values(), *documents.values()])
    scores = evaluator.compute_all_metrics(model)["cosine"]
    found = {f"cosine_{name}@{k}": scores[f"{name}@k"][k] for name in FAMILIES for k in CUTOFFS}
    return found, ours(options, ["retrieval", "--data-dir", options.output])


def probe(options, folder):
    """SentEval's SICKEntailmentEval: |u − v| and u·v, C by the dev set."""
    sets = {part: rows(folder / f"sickr-{part}.tsv") for part in ["train", "dev", "test"]}
    model = Table(options, [text for found in sets.values() for row in found for text in row[2:4]])
    x, y = {}, {}
    for part, found in sets.items():
        u, v = (model.encode([row[side] for row in found]).numpy() for side in (2, 3))
        x[part] = np.concatenate([np.abs(u - v), u * v], axis=1)
        y[part] = np.array([row[4] for row in found])
    best = None
    for c in [2.0**power for power in range(-2, 4)]:
        fitted = LogisticRegression(C=c, tol=1e-8, max_iter=10_000).fit(x["train"], y["train"])
        score = fitted.score(x["dev"], y["dev"])
        if best is None or score > best[0]:
            best = score, c, fitted
    score, c, fitted = best
    kinds, counts = np.unique(y["train"], return_counts=True)
    common = kinds[np.argmax(counts)]
    found = {"C": c, "dev_accuracy": score, "test_accuracy": fitted.score(x["test"], y["test"])}
    found |= {f"{part}_majority": float(np.mean(y[part] == common)) for part in ["dev", "test"]}
    files = [f"--{part}={folder / f'sickr-{part}.tsv'}" for part in sets]
    columns = ["--columns", "_,_,sentence1,sentence2,class"]
    return found, ours(options, ["probe", *files, *columns])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="holds nli/ and sts/ …")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="for the search")
    parser.add_argument("--twindrop", default="target/release/twindrop")
    options = parser.parse_args()
    worst = 0.0
    for found, told in [
        pairs(options, options.data / "nli/snli-dev.tsv"),
        triplets(options, options.data / "nli/snli-dev.tsv"),
        retrieval(options, options.data / "sts-raw/stsb-test.tsv"),
        probe(options, options.data / "sts"),
    ]:
        for name, value in found.items():
            # undefined here is 0 there
            difference = abs(float(value) - (told[name] or 0.0))
            worst = max(worst, difference)
            mark = "" if difference < WITHIN else "  <-"
            print(f"  {name:30} {float(value):10.6f} {told[name] or 0.0:10.6f}{mark}")
    print(f"largest difference {worst:.2g}")
    sys.exit(bool(worst >= WITHIN))


if __name__ == "__main__":
    main()
