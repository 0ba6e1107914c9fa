"""What the sides share: their settings, tokens, batches, streams and the lines they exchange."""

import os
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

WORKER = Path(__file__).parent.parent / "worker.py"


@dataclass
class Settings:
    side: str
    model: str
    dtype: str = "float32"
    batch: int = 32
    # "2x1": two streams of one thread in one process; "2p1": the same in two processes
    streams: str = "1x2"
    # what only one library knows: its graph file, its compiler, its engine
    options: dict = field(default_factory=dict)

    @property
    def count(self):
        return int(self.streams[0])

    @property
    def threads(self):
        return int(self.streams[2])

    def option(self, name, otherwise=None):
        return self.options.get(name, otherwise)


def serve(unit):
    """A unit of work for each line on standard input; a line with its milliseconds for each."""
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        unit()
        print(f"{1e3 * (time.perf_counter() - start):.3f}", flush=True)


def load_tokenizer(directory, length=256):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(directory) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    # a batch is tokenised by RAYON_NUM_THREADS threads where TOKENIZERS_PARALLELISM says so
    return lambda texts: [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]


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


def mean_to_length_one(hidden, mask):
    """Mean over real tokens, to length one: what all-MiniLM-L6-v2 does. A product with the mask
    needs no array of the size of `hidden`."""
    means = np.matmul(mask[:, None, :].astype(np.float32), hidden)[:, 0]
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def encoder_of_streams(tokenize, batch, streams):
    """Encodes texts in batches sorted by length; each stream takes the next batch when it is free.
    A stream maps tokens and their mask to vectors."""

    def encode(texts):
        ids = tokenize(texts)
        rest = iter(batches_by_length(ids, batch))
        lock = threading.Lock()
        found = []

        def work(stream):
            while True:
                with lock:
                    rows = next(rest, None)
                if rows is None:
                    return
                found.append((rows, stream(*pad([ids[i] for i in rows]))))

        if len(streams) == 1:
            work(streams[0])
        else:
            threads = [threading.Thread(target=work, args=(stream,)) for stream in streams]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        # a thread's error is printed, and goes no further
        if sum(len(rows) for rows, _ in found) != len(ids):
            sys.exit("a stream ended early")
        vectors = np.empty((len(ids), found[0][1].shape[1]), dtype=np.float32)
        for rows, part in found:
            vectors[rows] = part
        return vectors

    return encode


def stream_in_process(settings):
    """The stream of `settings` in a process of its own; requests and answers are pickled."""
    command = [sys.executable, str(WORKER), "stream", settings.side, settings.model, "-",
               "--dtype", settings.dtype, "--streams", "1x1"]
    for name, value in settings.options.items():
        command += ["--set", f"{name}={value}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stream(tokens, mask):
        pickle.dump((tokens, mask), process.stdin)
        process.stdin.flush()
        return pickle.load(process.stdout)

    return stream


def serve_stream(stream):
    answers = os.fdopen(os.dup(1), "wb")
    # what a library prints must not fall between the pickles
    os.dup2(2, 1)
    while True:
        try:
            given = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(stream(*given), answers)
        answers.flush()
