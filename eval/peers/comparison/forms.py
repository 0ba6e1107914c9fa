"""Every form of every rival: its library, its graph, its streams and what its processes are told."""

import itertools
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

WORKER = Path(__file__).parent.parent / "worker.py"

# what holds every side back to AVX2, as far as it can be held
HELD_TO_AVX2 = {
    "TWINDROP_MAX_CPU_ISA": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2",
    "CT2_FORCE_CPU_ISA": "AVX2",
}
NOT_HELD = {
    "onnx_runtime": "ONNX Runtime's matrix products (MLAS) take their instructions from the processor alone",
    "fast_embed": "fastembed computes by ONNX Runtime",
    "openvino_runtime": "OpenVINO's matrix products in float32 are MLAS's, and its normalisation has code of its own",
}


def environment(streams, more, avx2):
    """One set of variables for all sides, ours too."""
    count, threads = int(streams[0]), int(streams[2])
    told = dict(os.environ, HF_HUB_OFFLINE="1", TORCHINDUCTOR_COMPILE_THREADS="1", PYTHONWARNINGS="ignore")
    # tokenizers uses rayon, as we do: all threads, whatever the streams
    told |= {"RAYON_NUM_THREADS": str(count * threads), "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    told |= {"TOKENIZERS_PARALLELISM": "true" if count * threads > 1 else "false"}
    # NumPy only takes means
    told |= {"OPENBLAS_NUM_THREADS": "1"}
    return told | more | (HELD_TO_AVX2 if avx2 else {})


@dataclass
class Form:
    library: str
    side: str
    model: Path
    dtype: str
    streams: str = "1x2"
    batch: int = 32
    options: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)

    @property
    def name(self):
        batch = f", batch {self.batch}" if self.batch > 1 else ""
        return f"{self.library}, {self.streams.replace('p', '×').replace('x', '×')}" + \
            (" (processes)" if "p" in self.streams else "") + batch

    def not_held(self):
        """Why this side cannot be held back to AVX2; none where it can."""
        backend = {"onnx": "onnx_runtime", "openvino": "openvino_runtime"}.get(self.options.get("backend"))
        return NOT_HELD.get(backend or self.side)

    def command(self, work, text, vectors=None):
        told = [sys.executable, WORKER, work, self.side, self.model, text, "--dtype", self.dtype,
                "--batch", str(self.batch), "--streams", self.streams]
        for name, value in self.options.items():
            told += ["--set", f"{name}={value}"]
        return told + (["--vectors", vectors] if vectors else [])


def with_streams(form, streams):
    return [replace(form, streams=one) for one in streams]


def pytorch(model, dtype, streams):
    found = with_streams(Form("PyTorch, eager", "pytorch", model, dtype), streams)
    for kind, name in [("plain", "compiled"), ("frozen", "compiled, frozen")]:
        form = Form(f"PyTorch, {name}", "pytorch", model, dtype, options={"compile": kind})
        found += with_streams(form, streams)
    return found


def onnx_runtime(directory, dtype, streams):
    if dtype == "bfloat16":
        return []
    graphs = ["plain", "fused"]
    if dtype == "int8":
        parts = itertools.product(graphs, ["tensor", "channel"], ["full", "reduced"], ["signed", "unsigned"])
        graphs = ["-".join(part) for part in parts]
    return [
        form
        for graph in graphs
        for form in with_streams(Form(f"ONNX Runtime, {graph.replace('-', ' ')}", "onnx_runtime",
                                      directory / f"{graph}.onnx", dtype), streams)
    ]


def openvino(directory, dtype, streams):
    graphs = {"float32": "float32", "int8-static": "int8 static", "int8-weights": "int8 weights"}
    return [
        form
        for graph, name in graphs.items()
        if graph.startswith("int8") == (dtype == "int8")
        for form in with_streams(Form(f"OpenVINO, {name if dtype == 'int8' else dtype}", "openvino_runtime",
                                      directory / f"{graph}.xml", dtype), streams)
    ]


def ctranslate2(directory, dtype, streams):
    # its own name for oneDNN is "not MKL"
    return [
        form
        for name, mkl in [("oneDNN", "0"), ("MKL", "1")]
        for form in with_streams(Form(f"CTranslate2, {name}", "ctranslate", directory, dtype,
                                      environment={"CT2_USE_MKL": mkl}), streams)
    ]


def sentence_transformers(model, built, overlays, dtype, streams):
    """As it is: one stream, its own batches and tokens."""
    one = streams[0]

    def form(name, directory, overlay=None, **options):
        more = {"PYTHONPATH": str(overlays / overlay)} if overlay else {}
        return Form(f"sentence-transformers, {name}", "sentence_transformer", directory, dtype, one,
                    options=options, environment=more)

    found = [] if dtype == "int8" else [form("torch", model)]
    graphs = {"float32": ["model", "model_O3"], "int8": ["model_qavx2", "model_qavx512_vnni"]}
    for graph in graphs.get(dtype, []):
        found.append(form(f"onnx {graph}", built / "st-onnx", "onnx", backend="onnx", file=f"onnx/{graph}.onnx"))
    file = "openvino_int8.xml" if dtype == "int8" else "openvino_model.xml"
    found.append(form("openvino", built / "st-openvino", "openvino", backend="openvino", file=file))
    return found


def fastembed(directory, dtype, streams):
    if dtype != "float32":
        return []
    return [Form(f"fastembed, {graph}", "fast_embed", directory / f"{graph}.onnx", dtype, streams[0])
            for graph in ["plain", "fused"]]


def every_form(model, built, overlays, dtype, streams):
    """`streams`, the first of them for what has only one."""
    threads = [one for one in streams if "p" not in one]
    return [
        *pytorch(model, dtype, streams),
        *onnx_runtime(built / "onnx", dtype, threads),
        *openvino(built / "openvino", dtype, threads),
        *ctranslate2(built / "ctranslate2", dtype, threads),
        *sentence_transformers(model, built, overlays, dtype, streams),
        *fastembed(built / "onnx", dtype, streams),
    ]


def trainers(model, dtype, batch):
    eager = Form("PyTorch, eager", "pytorch", model, dtype, batch=batch)
    return [eager, replace(eager, library="PyTorch, compiled", options={"compile": "plain"})]
