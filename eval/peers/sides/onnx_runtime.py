"""ONNX Runtime on a graph of `export_onnx.py`; the tokenizer lies beside it."""

from pathlib import Path

import numpy as np

from .common import encoder_of_streams, load_tokenizer, mean_to_length_one


def make_encoder(settings):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1

    def make_stream():
        session = onnxruntime.InferenceSession(settings.model, options, providers=["CPUExecutionProvider"])
        kinds = {given.name: np.int32 if "int32" in given.type else np.int64 for given in session.get_inputs()}

        def stream(tokens, mask):
            given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
            given = {name: given[name].astype(kind, copy=False) for name, kind in kinds.items()}
            return mean_to_length_one(session.run(["last_hidden_state"], given)[0], mask)

        return stream

    streams = [make_stream() for _ in range(settings.count)]
    return encoder_of_streams(load_tokenizer(Path(settings.model).parent), settings.batch, streams)
