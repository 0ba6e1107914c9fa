"""sentence-transformers' own `encode`, with each of its back ends (`--set backend=`)."""


def make_encoder(settings):
    from sentence_transformers import SentenceTransformer

    backend = settings.option("backend", "torch")
    if backend == "torch":
        import torch

        torch.set_num_threads(settings.threads)
        given = {"dtype": settings.dtype}
    elif backend == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        given = {"session_options": options, "provider": "CPUExecutionProvider"}
    else:
        from .openvino_runtime import precision

        properties = {"INFERENCE_NUM_THREADS": settings.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        if precision(settings):
            properties["INFERENCE_PRECISION_HINT"] = precision(settings)
        given = {"ov_config": properties}
    if settings.option("file"):
        given["file_name"] = settings.option("file")
    encoder = SentenceTransformer(settings.model, device="cpu", backend=backend, model_kwargs=given)
    # NumPy has no bfloat16
    whole = backend == "torch" and settings.dtype == "bfloat16"

    def encode(texts):
        vectors = encoder.encode(texts, batch_size=settings.batch, show_progress_bar=False, convert_to_numpy=not whole,
                                 convert_to_tensor=whole)
        return vectors.float().numpy() if whole else vectors

    return encode
