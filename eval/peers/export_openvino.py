"""Convert a model from PyTorch to OpenVINO: float32, int8 by NNCF's static quantization (calibrated
with 320 sentences of FILE) and int8 weights alone. The tokenizer lies beside them.

    export_openvino.py --model MODEL --sentences FILE --output DIR
        writes DIR/{float32,int8-static,int8-weights}.xml
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import shutil
from pathlib import Path

import nncf
import openvino
import torch
from sides.common import load_tokenizer, pad
from transformers import AutoModel


class Hidden(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, input_ids, attention_mask):
        return self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def convert(model):
    network = AutoModel.from_pretrained(model, attn_implementation="sdpa", dtype=torch.float32).eval()
    tokens = torch.ones((2, 8), dtype=torch.int64)
    mask = tokens.clone()
    mask[0, 4:] = 0
    with torch.inference_mode():
        return openvino.convert_model(
            Hidden(network),
            example_input={"input_ids": tokens, "attention_mask": mask},
            input=[("input_ids", [-1, -1], openvino.Type.i64), ("attention_mask", [-1, -1], openvino.Type.i64)],
        )


def quantize(graph, model, file, segments=False):
    """int8 by statistics of the first 320 sentences of a file, in batches of 8."""
    tokenize = load_tokenizer(model)
    sentences = file.read_text(encoding="utf-8").splitlines()[:320]
    batches = [pad(tokenize(sentences[i : i + 8])) for i in range(0, len(sentences), 8)]

    def given(batch):
        tokens, mask = batch
        return {"input_ids": tokens, "attention_mask": mask} | ({"token_type_ids": tokens * 0} if segments else {})

    return nncf.quantize(graph, nncf.Dataset(batches, given), model_type=nncf.ModelType.TRANSFORMER,
                         subset_size=len(batches))


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert a model to OpenVINO, in f32 and int8.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sentences", type=Path, required=True, help="to calibrate with, one a line")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    def save(graph, name):
        openvino.save_model(graph, str(options.output / f"{name}.xml"), compress_to_fp16=False)

    save(convert(options.model), "float32")
    save(nncf.compress_weights(convert(options.model), mode=nncf.CompressWeightsMode.INT8_SYM), "int8-weights")
    save(quantize(convert(options.model), options.model, options.sentences), "int8-static")
    shutil.copy(options.model / "tokenizer.json", options.output)


if __name__ == "__main__":
    main()
