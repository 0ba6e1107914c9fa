"""Retrieval of a BEIR data set: `twindrop eval retrieval` against sentence-transformers'
InformationRetrievalEvaluator, without prompts and with them.

    venv/bin/python eval/peers/retrieval.py target/release/twindrop MODEL DATA

DATA is a folder with corpus.jsonl, queries.jsonl and qrels/test.tsv. A title stands before its text,
as in BEIR. Every metric must agree to 1e-4: the vectors differ by rounding, which may exchange
documents whose scores are equal to seven digits. nDCG of graded judgements (NFCorpus) is not compared:
its gains are the grades in twindrop, as in trec_eval and BEIR, and 1 in sentence-transformers.
"""

import csv
import json
import pathlib
import subprocess
import sys

from sentence_transformers import SentenceTransformer
from sentence_transformers.evaluation import InformationRetrievalEvaluator

program, name, data = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])


def entries(path):
    lines = (json.loads(line) for line in path.open(encoding="utf-8"))
    return {line["_id"]: f"{line.get('title', '')} {line['text']}".strip() for line in lines}


queries, corpus, relevant = entries(data / "queries.jsonl"), entries(data / "corpus.jsonl"), {}
graded = False
with (data / "qrels/test.tsv").open(encoding="utf-8") as file:
    for row in csv.DictReader(file, delimiter="\t"):
        graded |= int(row["score"]) > 1
        if int(row["score"]) > 0:
            relevant.setdefault(row["query-id"], set()).add(row["corpus-id"])
queries = {key: text for key, text in queries.items() if key in relevant}
model = SentenceTransformer(name)
failed = False
for query_prompt, corpus_prompt in [("", ""), ("query: ", "passage: ")]:
    evaluator = InformationRetrievalEvaluator(
        queries, corpus, relevant, query_prompt=query_prompt, corpus_prompt=corpus_prompt,
        mrr_at_k=[10], ndcg_at_k=[10], accuracy_at_k=[1, 10], precision_recall_at_k=[1, 10], map_at_k=[100],
    )
    evaluator.store_metrics_in_model_card_data = lambda *_: None
    theirs = evaluator(model)
    printed = subprocess.run(
        [program, "eval", "retrieval", "--model", name, "--data-dir", data, "--k", "1,10,100", "--format", "json",
         "--bootstrap", "0", "--query-prompt", query_prompt, "--corpus-prompt", corpus_prompt],
        check=True, capture_output=True, text=True,
    )
    ours = json.loads(printed.stdout)
    print(f"{data.name}, prompts {query_prompt!r} and {corpus_prompt!r}: {printed.stderr.strip()}")
    for metric, value in theirs.items():
        if graded and "ndcg" in metric:
            continue
        off = abs(ours[metric] - value)
        failed |= off > 1e-4
        print(f"  {metric:<22} {value:.6f} {ours[metric]:.6f} {'differs' if off > 1e-4 else 'equal'}")
sys.exit(failed)
