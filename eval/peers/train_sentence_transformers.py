"""Fine-tune a model on STS-B with sentence-transformers: the run twindrop is compared with.

CosineSimilarityLoss on the STS-B train pairs, AdamW and a linear schedule with warm-up, on the
CPU and without network. Dev and test Spearman correlation of the cosine similarities are
measured before and after. Everything not set by an option keeps the default of
sentence-transformers; the values that resulted are part of the JSON report.
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries below are imported

import argparse
import json
import platform
import resource
import time
from importlib.metadata import version
from pathlib import Path

import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss

LIBRARIES = ("torch", "sentence-transformers", "transformers", "datasets", "accelerate", "numpy", "scipy")
SPLITS = ("dev", "test")


def read_pairs(path: Path) -> dict[str, list]:
    """Columns of an STS file (subset, score, sentence1, sentence2; tabs, no quoting, no header).

    Scores are divided by 5, so that they lie between 0 and 1.
    """
    columns: dict[str, list] = {"sentence1": [], "sentence2": [], "score": []}
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            _, score, sentence1, sentence2 = line.rstrip("\n").split("\t")
            columns["sentence1"].append(sentence1)
            columns["sentence2"].append(sentence2)
            columns["score"].append(float(score) / 5.0)
    return columns


def spearman(model: SentenceTransformer, data_dir: Path) -> dict[str, float]:
    """Spearman correlation of cosine similarity and gold score, for dev and test."""
    result = {}
    for split in SPLITS:
        pairs = read_pairs(data_dir / "sts-raw" / f"stsb-{split}.tsv")
        evaluator = EmbeddingSimilarityEvaluator(
            pairs["sentence1"],
            pairs["sentence2"],
            pairs["score"],
            main_similarity="cosine",
            name=split,
            write_csv=False,
        )
        result[split] = float(evaluator(model)[f"{split}_spearman_cosine"])
    return result


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fine-tune on STS-B with sentence-transformers.")
    parser.add_argument("--model", type=Path, required=True, help="directory of the model to start from")
    parser.add_argument("--data-dir", type=Path, required=True, help="directory that holds sts-raw/stsb-*.tsv")
    parser.add_argument("--output-dir", type=Path, required=True, help="where the trained model is saved")
    parser.add_argument("--json", type=Path, help="also write the report to this file")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--warmup-ratio", type=float, default=0.1, help="share of the steps, below 1")
    parser.add_argument("--max-steps", type=int, default=-1, help="steps in all, instead of epochs")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if not 0.0 <= options.warmup_ratio < 1.0:
        parser.error("--warmup-ratio must be at least 0 and below 1")
    return options


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    started = time.perf_counter()

    model = SentenceTransformer(str(options.model), device="cpu")
    before = spearman(model, options.data_dir)
    print("before", before, flush=True)

    settings = SentenceTransformerTrainingArguments(
        output_dir=str(options.output_dir),
        num_train_epochs=options.epochs,
        max_steps=options.max_steps,
        per_device_train_batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=options.warmup_ratio,  # below 1 it is a share of all steps
        seed=options.seed,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
    )
    trainer = SentenceTransformerTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_dict(read_pairs(options.data_dir / "sts-raw" / "stsb-train.tsv")),
        loss=CosineSimilarityLoss(model),
    )
    training_started = time.perf_counter()
    outcome = trainer.train()
    training_seconds = time.perf_counter() - training_started

    after = spearman(model, options.data_dir)
    print("after", after, flush=True)
    model.save_pretrained(str(options.output_dir), create_model_card=False)

    report = {
        "before": before,
        "after": after,
        "settings": {
            "model": options.model.resolve().name,
            "loss": "CosineSimilarityLoss",
            "max_seq_length": model.max_seq_length,
            "epochs": options.epochs,
            "batch_size": options.batch_size,
            "steps": outcome.global_step,
            "learning_rate": settings.learning_rate,
            "lr_scheduler_type": str(settings.lr_scheduler_type.value),
            "warmup_ratio": options.warmup_ratio,
            "warmup_steps": settings.get_warmup_steps(outcome.global_step),
            "optimizer": str(settings.optim.value),
            "adam_beta1": settings.adam_beta1,
            "adam_beta2": settings.adam_beta2,
            "adam_epsilon": settings.adam_epsilon,
            "weight_decay": settings.weight_decay,
            "max_grad_norm": settings.max_grad_norm,
            "seed": settings.seed,
            "threads": torch.get_num_threads(),
        },
        "train_loss": outcome.training_loss,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "training_seconds": round(training_seconds, 1),
        "total_seconds": round(time.perf_counter() - started, 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    text = json.dumps(report, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
