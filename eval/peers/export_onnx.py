"""Export a model to ONNX with its tokenizer beside it: as it is, fused by ONNX Runtime's
optimizer, and both quantised dynamically to int8 in every form there is.

    export_onnx.py --model MODEL --output DIR
        writes DIR/{plain,fused}.onnx and
        DIR/{plain,fused}-{tensor,channel}-{full,reduced}-{signed,unsigned}.onnx
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import itertools
import json
import logging
import shutil
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from transformers import AutoModel, AutoTokenizer


class Hidden(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.network(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def export(model, file):
    # the optimizer recognises attention written out, not sdpa
    network = AutoModel.from_pretrained(model, attn_implementation="eager", dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(model)
    given = tokenizer(["A cat sleeps.", "A dog is awake now."], padding=True, return_tensors="pt")
    names = ["input_ids", "attention_mask", "token_type_ids"]
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
    return network.config


def main() -> None:
    parser = argparse.ArgumentParser(description="Export a model to ONNX, in f32 and int8.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    logging.getLogger().setLevel(logging.ERROR)

    plain, fused = options.output / "plain.onnx", options.output / "fused.onnx"
    config = export(options.model, plain)
    graph = optimizer.optimize_model(str(plain), model_type="bert", num_heads=config.num_attention_heads,
                                     hidden_size=config.hidden_size)
    if graph.get_fused_operator_statistics()["Attention"] != config.num_hidden_layers:
        raise SystemExit("the optimizer did not find every attention")
    graph.save_model_to_file(str(fused))
    for file, channel, reduced, signed in itertools.product([plain, fused], [False, True], [False, True], [True, False]):
        name = "-".join([file.stem, "channel" if channel else "tensor", "reduced" if reduced else "full",
                         "signed" if signed else "unsigned"])
        quantize_dynamic(str(file), str(options.output / f"{name}.onnx"), per_channel=channel, reduce_range=reduced,
                         weight_type=QuantType.QInt8 if signed else QuantType.QUInt8,
                         # ONNX cannot infer the types of fused operations
                         extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
    for name in ["tokenizer.json", "config.json", "special_tokens_map.json"]:
        shutil.copy(options.model / name, options.output)
    # fastembed truncates at the length in this file, sentence-transformers at that in its own
    told = json.loads((options.model / "tokenizer_config.json").read_text())
    told["model_max_length"] = json.loads((options.model / "sentence_bert_config.json").read_text())["max_seq_length"]
    (options.output / "tokenizer_config.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
