"""OpenVINO on a graph of `export_openvino.py`; the tokenizer lies beside it."""

import os
from pathlib import Path

import numpy as np

from .common import batches_by_length, encoder_of_streams, load_tokenizer, mean_to_length_one, pad


def precision(settings):
    """None for int8: its other operations are in bfloat16 where the processor has that, which is
    faster. OpenVINO does not notice that oneDNN was held back, and would fail."""
    if settings.dtype == "int8" and "ONEDNN_MAX_CPU_ISA" not in os.environ:
        return None
    return "bf16" if settings.dtype == "bfloat16" else "f32"


def compile_graph(settings):
    import openvino

    core = openvino.Core()
    properties = {
        "INFERENCE_NUM_THREADS": settings.count * settings.threads,
        "NUM_STREAMS": settings.count,
        "PERFORMANCE_HINT": "LATENCY" if settings.count == 1 else "THROUGHPUT",
    }
    if precision(settings):
        properties["INFERENCE_PRECISION_HINT"] = precision(settings)
    return openvino, core.compile_model(settings.model, "CPU", properties)


def make_encoder(settings):
    openvino, graph = compile_graph(settings)
    tokenize = load_tokenizer(Path(settings.model).parent)

    if settings.count == 1:
        request = graph.create_infer_request()

        def stream(tokens, mask):
            outputs = request.infer({"input_ids": tokens, "attention_mask": mask}, share_inputs=True, share_outputs=True)
            return mean_to_length_one(outputs[0], mask)

        return encoder_of_streams(tokenize, settings.batch, [stream])

    queue = openvino.AsyncInferQueue(graph, settings.count)
    vectors = None

    def finish(request, given):
        rows, mask = given
        vectors[rows] = mean_to_length_one(request.get_output_tensor(0).data, mask)

    queue.set_callback(finish)
    width = graph.output(0).get_partial_shape()[2].get_length()

    def encode(texts):
        nonlocal vectors
        ids = tokenize(texts)
        vectors = np.empty((len(ids), width), dtype=np.float32)
        for rows in batches_by_length(ids, settings.batch):
            tokens, mask = pad([ids[i] for i in rows])
            queue.start_async({"input_ids": tokens, "attention_mask": mask}, (rows, mask))
        queue.wait_all()
        return vectors

    return encode
