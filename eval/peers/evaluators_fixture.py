"""Figures of sentence-transformers and scikit-learn on random cases, for tests/cli/evaluators.rs.

The cases are not stored: the test draws them again from the same seeds, bit by bit, with the
generator of src/noise.rs. Scores and vectors are small whole numbers in half of the cases, so
that many are equal. Writes evaluators.json.

    python eval/peers/evaluators_fixture.py --output tests/fixtures
"""

import argparse
import json
import pathlib
import warnings

import numpy as np
import sentence_transformers
import sklearn
import torch
from scipy_fixture import Sequence
from sentence_transformers.sentence_transformer import evaluation
from sentence_transformers.util import dot_score
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    log_loss,
    matthews_corrcoef,
    precision_recall_fscore_support,
)

BINARY, TRIPLETS, RETRIEVAL, LOGISTIC, CLASSIFICATION = 300, 30, 40, 12, 60
CUTOFFS = [1, 3, 5, 10, 100]
FAMILIES = ["accuracy", "precision", "recall", "ndcg", "mrr", "map"]


def binary(case):
    """Scores and labels; the labels lean on the scores."""
    draws = Sequence(case)
    pairs = 2 + draws.below(60)
    levels = 1 + draws.below(12)
    if case % 2 == 0:
        scores = [draws.uniform() * 2 - 1 for _ in range(pairs)]
        labels = [int(draws.uniform() < (score + 1) / 2) for score in scores]
    else:
        scores = [float(draws.below(levels)) for _ in range(pairs)]
        labels = [int(draws.uniform() < (score + 1) / (levels + 1)) for score in scores]
    return np.array(scores), np.array(labels)


def binary_figures(scores, labels, similar):
    """As BinaryClassificationEvaluator.compute_metrics puts them together."""
    evaluator = evaluation.BinaryClassificationEvaluator
    accuracy, accuracy_at = evaluator.find_best_acc_and_threshold(scores, labels, similar)
    f1, precision, recall, f1_at = evaluator.find_best_f1_and_threshold(scores, labels, similar)
    ap = average_precision_score(labels, scores if similar else -scores)
    called = scores >= f1_at if similar else scores <= f1_at
    mcc = matthews_corrcoef(labels, called)
    return [accuracy, accuracy_at, f1, f1_at, precision, recall, ap, mcc]


def vectors(draws, rows, width):
    return np.array([[draws.below(5) - 2.0 for _ in range(width)] for _ in range(rows)])


class Table:
    """A model whose texts are numbers of rows."""

    similarity_fn_name = "dot"

    def __init__(self, rows):
        self.rows = torch.tensor(rows, dtype=torch.float64)

    def encode(self, texts, **_):
        return self.rows[[int(text) for text in texts]]

    encode_query = encode_document = encode


def triplet_figures(case):
    draws = Sequence(case)
    count = 1 + draws.below(30)
    rows = vectors(draws, 3 * count, 4)
    texts = [str(place) for place in range(3 * count)]
    kinds = ["dot", "euclidean", "manhattan"]
    evaluator = evaluation.TripletEvaluator(
        texts[0::3], texts[1::3], texts[2::3], similarity_fn_names=kinds, margin=case % 3
    )
    evaluator.store_metrics_in_model_card_data = lambda *_: None
    found = evaluator(Table(rows))
    return [found[f"{kind}_accuracy"] for kind in kinds]


def retrieval_figures(case):
    """Ids sort as the corpus does, so that ties fall as ours do."""
    draws = Sequence(case)
    queries, corpus, width = 1 + draws.below(8), 1 + draws.below(150), 1 + draws.below(4)
    rows = vectors(draws, queries + corpus, width)
    relevant = {}
    for query in range(queries):
        found = {draws.below(corpus) for _ in range(1 + draws.below(6))}
        relevant[f"{query}"] = {f"{queries + document:04}" for document in found}
    evaluator = evaluation.InformationRetrievalEvaluator(
        {f"{query}": f"{query}" for query in range(queries)},
        {f"{place:04}": f"{place}" for place in range(queries, queries + corpus)},
        relevant,
        mrr_at_k=CUTOFFS,
        ndcg_at_k=CUTOFFS,
        accuracy_at_k=CUTOFFS,
        precision_recall_at_k=CUTOFFS,
        map_at_k=CUTOFFS,
        score_functions={"dot": dot_score},
    )
    scores = evaluator.compute_all_metrics(Table(rows))["dot"]
    return [float(scores[f"{family}@k"][k]) for family in FAMILIES for k in CUTOFFS]


def logistic(case):
    """Examples, classes and C."""
    draws = Sequence(case)
    examples, features, classes = 60 + draws.below(400), 1 + draws.below(9), 2 + case % 4
    x = np.array([[draws.uniform() for _ in range(features)] for _ in range(examples)])
    noise = np.array([draws.uniform() for _ in range(examples)])
    y = ((x[:, 0] + 0.7 * noise) / 1.7 * classes).astype(int)
    return x, y, 2.0 ** (case % 6 - 1)


def logistic_figures(case):
    """What the fit makes lowest, and the share of examples it gets right."""
    x, y, c = logistic(case)
    model = LogisticRegression(C=c, tol=1e-12, max_iter=100_000).fit(x, y)
    weights, logits = model.coef_, model.decision_function(x)
    if len(model.classes_) == 2:
        losses = np.logaddexp(0, logits) - (y == model.classes_[1]) * logits
    else:
        own = logits[np.arange(len(y)), np.searchsorted(model.classes_, y)]
        losses = np.logaddexp.reduce(logits, axis=1) - own
    return [float(c * losses.sum() + (weights**2).sum() / 2), float(model.score(x, y))]


def calibration_error(top, right):
    """Over 15 bins of equal width, as Guo et al. (2017) define it."""
    edges = np.linspace(0, 1, 16)
    bins = np.clip(np.digitize(top, edges, right=True), 1, 15)
    gaps = [
        abs(right[bins == b].mean() - top[bins == b].mean()) * (bins == b).mean()
        for b in range(1, 16)
        if (bins == b).any()
    ]
    return float(sum(gaps))


def classification_figures(case):
    """Probabilities of random classes, and a row of precision, recall, F1 and support for each."""
    draws = Sequence(case)
    examples, classes = 2 + draws.below(80), 2 + draws.below(5)
    weights = [[draws.uniform() for _ in range(classes)] for _ in range(examples)]
    gold = np.array([draws.below(classes) for _ in range(examples)])
    for row, own in zip(weights, gold):
        row[own] += 0.5
    probabilities = np.array([[value / sum(row) for value in row] for row in weights])
    called, labels = probabilities.argmax(axis=1), list(range(classes))
    scores = [accuracy_score(gold, called)]
    if classes == 2:
        scores.append(f1_score(gold, called))
    scores += [f1_score(gold, called, average=how) for how in ("macro", "micro", "weighted")]
    scores.append(matthews_corrcoef(gold, called))
    scores.append(log_loss(gold, probabilities, labels=labels))
    scores.append(calibration_error(probabilities.max(axis=1), called == gold))
    of_class = precision_recall_fscore_support(gold, called, labels=labels, zero_division=0)
    return [[float(x) for x in scores], np.array(of_class).T.tolist()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    output = parser.parse_args().output
    warnings.filterwarnings("ignore")
    fixture = {"binary": [], "triplets": [], "retrieval": [], "logistic": []}
    for case in range(BINARY):
        scores, labels = binary(case)
        sides = [(scores, True), (-scores, False)]
        rows = [binary_figures(side, labels, similar) for side, similar in sides]
        fixture["binary"].append([[float(value) for value in row] for row in rows])
    fixture["triplets"] = [triplet_figures(case) for case in range(TRIPLETS)]
    fixture["retrieval"] = [retrieval_figures(case) for case in range(RETRIEVAL)]
    fixture["logistic"] = [logistic_figures(case) for case in range(LOGISTIC)]
    cases = range(CLASSIFICATION)
    fixture["classification"] = [classification_figures(case) for case in cases]
    lines = [f"{json.dumps(name)}: {json.dumps(rows)}" for name, rows in fixture.items()]
    (output / "evaluators.json").write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
    versions = sentence_transformers.__version__, sklearn.__version__
    print(f"sentence-transformers {versions[0]}, scikit-learn {versions[1]}: done")


if __name__ == "__main__":
    main()
