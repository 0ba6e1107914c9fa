"""fastembed on a graph of `export_onnx.py`, registered as a custom model."""

from pathlib import Path

import numpy as np


def make_encoder(settings):
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    file = Path(settings.model)
    TextEmbedding.add_custom_model("local", PoolingType.MEAN, True, ModelSource(url="http://none.invalid"), 384,
                                   model_file=file.name)
    encoder = TextEmbedding("local", threads=settings.threads, specific_model_path=str(file.parent),
                            local_files_only=True)
    return lambda texts: np.stack(list(encoder.embed(texts, batch_size=settings.batch)))
