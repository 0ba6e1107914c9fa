"""One side of an interleaved comparison, in Python: does one unit of work for each line on standard
input and prints its milliseconds. `compare.py` drives it.

    worker.py train-torch MODEL sentences.txt float32|bfloat16 BATCH
    worker.py encode-torch MODEL sentences.txt float32|bfloat16 BATCH
    worker.py encode-st MODEL sentences.txt float32|bfloat16 BATCH
    worker.py encode-onnx FILE.onnx sentences.txt - BATCH     (tokenizer.json beside FILE.onnx)
    worker.py once-st MODEL sentences.txt float32 BATCH       (encodes at once, and ends)
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import sys
import time
from pathlib import Path

import numpy as np


def serve(unit):
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        unit()
        print(f"{1e3 * (time.perf_counter() - start):.3f}", flush=True)


def batches_by_length(ids, size):
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    return [order[i : i + size] for i in range(0, len(order), size)]


def pad(ids):
    width = max(map(len, ids))
    tokens = np.zeros((len(ids), width), dtype=np.int64)
    mask = np.zeros((len(ids), width), dtype=np.int64)
    for row, one in enumerate(ids):
        tokens[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return tokens, mask


def sentence_vectors(hidden, mask):
    """Mean over real tokens, to length one: what all-MiniLM-L6-v2 does."""
    import torch

    weights = mask.unsqueeze(-1).float()
    return torch.nn.functional.normalize((hidden.float() * weights).sum(1) / weights.sum(1), dim=1)


def train_torch(model, texts, dtype, size):
    import torch
    from transformers import AutoModel, AutoTokenizer

    torch.set_num_threads(2)
    torch.manual_seed(42)
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModel.from_pretrained(model, attn_implementation="sdpa", dtype=torch.float32).train()
    ids = tokenizer(texts, truncation=True, max_length=64)["input_ids"]
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-5, weight_decay=0.01)
    random = np.random.default_rng(42)
    order = iter(())

    def unit():
        nonlocal order
        batch = [next(order, None) for _ in range(size)]
        if batch[-1] is None:
            order = iter(random.permutation(len(ids)))
            batch = [next(order) for _ in range(size)]
        tokens, mask = map(torch.from_numpy, pad([ids[i] for i in batch] * 2))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
            hidden = network(input_ids=tokens, attention_mask=mask).last_hidden_state
        first, second = sentence_vectors(hidden, mask).split(size)
        loss = torch.nn.functional.cross_entropy(first @ second.T / 0.05, torch.arange(size))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    serve(unit)


def encode_torch(model, texts, dtype, size):
    import torch
    from transformers import AutoModel, AutoTokenizer

    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(model)
    kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    network = AutoModel.from_pretrained(model, attn_implementation="sdpa", dtype=kind).eval()

    def unit():
        ids = tokenizer(texts, truncation=True, max_length=256)["input_ids"]
        vectors = np.zeros((len(ids), network.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            for batch in batches_by_length(ids, size):
                tokens, mask = map(torch.from_numpy, pad([ids[i] for i in batch]))
                hidden = network(input_ids=tokens, attention_mask=mask).last_hidden_state
                vectors[batch] = sentence_vectors(hidden, mask).numpy()

    serve(unit)


def encode_st(model, texts, dtype, size, serve=serve):
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(2)
    encoder = SentenceTransformer(str(model), device="cpu", model_kwargs={"dtype": dtype})
    serve(lambda: encoder.encode(texts, batch_size=size, show_progress_bar=False, convert_to_numpy=dtype != "bfloat16"))


def once_st(*given):
    encode_st(*given, serve=lambda unit: unit())


def encode_onnx(file, texts, _, size):
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = {given.name for given in session.get_inputs()}
    tokenizer = Tokenizer.from_file(str(Path(file).parent / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def unit():
        ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
        vectors = None
        for batch in batches_by_length(ids, size):
            tokens, mask = pad([ids[i] for i in batch])
            given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
            hidden = session.run(None, {name: given[name] for name in names})[0]
            means = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
            if vectors is None:
                vectors = np.zeros((len(ids), means.shape[1]), dtype=np.float32)
            vectors[batch] = means / np.linalg.norm(means, axis=1, keepdims=True)

    serve(unit)


if __name__ == "__main__":
    work, model, file, dtype, size = sys.argv[1:]
    texts = Path(file).read_text(encoding="utf-8").splitlines()
    kinds = {
        "train-torch": train_torch,
        "encode-torch": encode_torch,
        "encode-st": encode_st,
        "encode-onnx": encode_onnx,
        "once-st": once_st,
    }
    kinds[work](model, texts, dtype, int(size))
