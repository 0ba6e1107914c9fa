"""Convert a model to CTranslate2 with its tokenizer beside it.

    export_ctranslate2.py --model MODEL --output DIR
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
from pathlib import Path

from ctranslate2.converters import TransformersConverter


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert a model to CTranslate2.")
    parser.add_argument("--model", required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    # the type to compute in is chosen when it is loaded
    TransformersConverter(options.model, copy_files=["tokenizer.json"]).convert(str(options.output), force=True)


if __name__ == "__main__":
    main()
