"""PyTorch by hand: transformers' BertModel, eager or compiled, in float32, bfloat16 or int8
(dynamic quantization of the linear layers, by channel)."""

import numpy as np

from .common import encoder_of_streams, load_tokenizer, pad, stream_in_process


def load_network(model, dtype):
    import torch
    from transformers import AutoModel

    kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    return AutoModel.from_pretrained(model, attn_implementation="sdpa", dtype=kind)


def sentence_vectors(hidden, mask):
    """Mean over real tokens, to length one: what all-MiniLM-L6-v2 does."""
    import torch

    weights = mask.unsqueeze(-1).float()
    return torch.nn.functional.normalize((hidden.float() * weights).sum(1) / weights.sum(1), dim=1)


def make_streams(settings):
    import torch

    torch.set_num_threads(settings.threads)
    network = load_network(settings.model, settings.dtype).eval()
    if settings.dtype == "int8":
        torch.backends.quantized.engine = settings.option("engine", "x86")
        # its own choice, one scale a matrix, misses the least cosine
        by_channel = {torch.nn.Linear: torch.ao.quantization.per_channel_dynamic_qconfig}
        network = torch.ao.quantization.quantize_dynamic(network, by_channel, dtype=torch.qint8)

    def forward(tokens, mask, padded):
        hidden = network(input_ids=tokens, attention_mask=mask if padded else None).last_hidden_state
        return sentence_vectors(hidden, mask)

    if settings.option("compile"):
        import torch._inductor.config

        # weights as constants, so that they are packed for their products once
        torch._inductor.config.freezing = settings.option("compile") == "frozen"
        forward = torch.compile(forward, dynamic=True)

    def stream(tokens, mask):
        # the number of threads belongs to the thread that sets it
        if torch.get_num_threads() != settings.threads:
            torch.set_num_threads(settings.threads)
        padded = not mask.all()
        with torch.inference_mode():
            return forward(torch.from_numpy(tokens), torch.from_numpy(mask), padded).numpy()

    return [stream] * settings.count


def make_encoder(settings):
    if "p" in settings.streams:
        streams = [stream_in_process(settings) for _ in range(settings.count)]
    else:
        streams = make_streams(settings)
    return encoder_of_streams(load_tokenizer(settings.model), settings.batch, streams)


def make_trainer(settings, texts):
    """A step: two views by dropout, InfoNCE, AdamW; padded to the longest of the batch."""
    import torch

    torch.set_num_threads(settings.threads)
    torch.manual_seed(42)
    network = load_network(settings.model, "float32").train()
    ids = load_tokenizer(settings.model, 64)(texts)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-5, weight_decay=0.01, fused=True)
    random = np.random.default_rng(42)
    order = iter(())

    def loss_of(tokens, mask):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=settings.dtype == "bfloat16"):
            hidden = network(input_ids=tokens, attention_mask=mask).last_hidden_state
        first, second = sentence_vectors(hidden, mask).split(settings.batch)
        return torch.nn.functional.cross_entropy(first @ second.T / 0.05, torch.arange(settings.batch))

    if settings.option("compile"):
        loss_of = torch.compile(loss_of, dynamic=True)

    def unit():
        nonlocal order
        batch = [next(order, None) for _ in range(settings.batch)]
        if batch[-1] is None:
            order = iter(random.permutation(len(ids)))
            batch = [next(order) for _ in range(settings.batch)]
        tokens, mask = map(torch.from_numpy, pad([ids[i] for i in batch] * 2))
        optimizer.zero_grad()
        loss_of(tokens, mask).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    if settings.option("compile"):
        # it is compiled once more for the first batch of more than 4,096 padded tokens
        for _ in range(12):
            unit()
    return unit
