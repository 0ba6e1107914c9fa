"""Export a model to ONNX, in f32 and quantised dynamically to int8, with its tokenizer beside it.

    export_onnx.py --model MODEL --output DIR     writes DIR/{model,int8,int8_channel}.onnx
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import shutil
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel, AutoTokenizer


class Hidden(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.network(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def main() -> None:
    parser = argparse.ArgumentParser(description="Export a model to ONNX, in f32 and int8.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    network = AutoModel.from_pretrained(options.model, attn_implementation="eager", dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    given = tokenizer(["A cat sleeps.", "A dog is awake now."], padding=True, return_tensors="pt")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    file = options.output / "model.onnx"
    with torch.inference_mode():
        torch.onnx.export(
            Hidden(network),
            tuple(given[name] for name in names),
            str(file),
            input_names=names,
            output_names=["last_hidden_state"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in [*names, "last_hidden_state"]},
            opset_version=17,
            dynamo=False,
        )
    for name, per_channel in [("int8", False), ("int8_channel", True)]:
        quantised = str(options.output / f"{name}.onnx")
        quantize_dynamic(str(file), quantised, weight_type=QuantType.QInt8, per_channel=per_channel)
    shutil.copy(options.model / "tokenizer.json", options.output)


if __name__ == "__main__":
    main()
