"""Save a model as sentence-transformers' ONNX or OpenVINO back end wants it, by its own export.
Each back end has requirements of its own, laid over the others: requirements-speed-onnx.txt and
requirements-speed-openvino.txt.

    PYTHONPATH=OVERLAY export_sentence_transformers.py --backend onnx --model MODEL --output DIR
        writes DIR/onnx/model.onnx, model_O3.onnx and model_q{avx2,avx512_vnni}.onnx
    PYTHONPATH=OVERLAY export_sentence_transformers.py --backend openvino --model MODEL \
        --sentences FILE --output DIR
        writes DIR/openvino/openvino_model.xml and openvino_int8.xml
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
from pathlib import Path

from sentence_transformers import SentenceTransformer


def main() -> None:
    parser = argparse.ArgumentParser(description="Save a model for a back end of sentence-transformers.")
    parser.add_argument("--backend", choices=["onnx", "openvino"], required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sentences", type=Path, help="to calibrate OpenVINO's int8 with: the library's own function downloads them")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()

    model = SentenceTransformer(str(options.model), backend=options.backend, device="cpu", model_kwargs={"export": True})
    model.save_pretrained(str(options.output))
    if options.backend == "onnx":
        from sentence_transformers import export_dynamic_quantized_onnx_model, export_optimized_onnx_model

        export_optimized_onnx_model(model, "O3", str(options.output), file_suffix="O3")
        for isa in ["avx2", "avx512_vnni"]:
            export_dynamic_quantized_onnx_model(model, isa, str(options.output), file_suffix=f"q{isa}")
    else:
        import openvino
        from export_openvino import quantize

        graph = openvino.Core().read_model(options.output / "openvino" / "openvino_model.xml")
        graph = quantize(graph, options.model, options.sentences, segments=True)
        openvino.save_model(graph, options.output / "openvino" / "openvino_int8.xml", compress_to_fp16=False)


if __name__ == "__main__":
    main()
