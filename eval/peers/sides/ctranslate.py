"""CTranslate2 on what `export_ctranslate2.py` converted; the tokenizer lies beside it.
CT2_USE_MKL=0 or 1 in the environment picks its back end."""

import sys

import numpy as np

from .common import encoder_of_streams, load_tokenizer, mean_to_length_one


def make_encoder(settings):
    import ctranslate2

    network = ctranslate2.Encoder(settings.model, device="cpu", compute_type=settings.dtype,
                                  inter_threads=settings.count, intra_threads=settings.threads)
    # it computes in float32, without a warning, where it has no kernels of the type asked for
    if not network.compute_type.startswith(settings.dtype):
        sys.exit(f"CTranslate2 computes {network.compute_type} on this processor, not {settings.dtype}")

    def stream(tokens, mask):
        lengths = ctranslate2.StorageView.from_array(mask.sum(1).astype(np.int32))
        given = ctranslate2.StorageView.from_array(tokens.astype(np.int32))
        return mean_to_length_one(np.array(network.forward_batch(given, lengths).last_hidden_state), mask)

    return encoder_of_streams(load_tokenizer(settings.model), settings.batch, [stream] * settings.count)
