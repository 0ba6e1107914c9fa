"""Keys of a model directory's files, in twindrop and in sentence-transformers.

    python model_directories.py TWINDROP [PLACE] [--fixture FOLDER]

TWINDROP is the program. Small random models are written to PLACE, each with one key at its default
or at another value. A directory passes where both programs have the same vectors (1e-5 apart at
most), or where twindrop refuses it with a message that names the key. Unknown keys must be named in
a warning. Directories of LoRA adapters need the package peft, and are left out without it.

With --fixture, the directories, sentence-transformers' vectors and the ids that transformers gives
pairs of texts are also written to FOLDER, for tests/it/model_directories.rs.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

try:
    import peft
except ImportError:
    peft = None

BOUND = 1e-5
WIDTH = 16
LONGEST = 12
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = """a an the cat dog sits runs café cafe Café CAFE naïve naive Naïve über uber Über man men red
 river old new one two three four five six seven eight nine ten eleven twelve thirteen . , ! ? '
 中 文 中文 字 漢字 漢 und or not""".split()
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäöüéïÄÖÜÉ"
VOCABULARY = SPECIAL + list(dict.fromkeys(WORDS + list(LETTERS) + [f"##{c}" for c in LETTERS]))
TEXTS = [
    "The cat sits.",
    "A Café, an old café and a CAFE!",
    "naïve Naïve naive",
    "中文 or 漢字?",
    "über Über uber",
    "one two three four five six seven eight nine ten eleven twelve thirteen",
    "thirteen twelve eleven ten nine eight seven six five four three two one",
    "xyzzy Quux",
    "not [MASK] red",
]

arguments = sys.argv[1:]
fixture = None
if "--fixture" in arguments:
    at = arguments.index("--fixture")
    fixture = Path(arguments[at + 1]).resolve()
    del arguments[at : at + 2]
program = str(Path(arguments[0]).resolve())
given = arguments[1] if len(arguments) > 1 else None
place = Path(given or tempfile.mkdtemp(prefix="twindrop-model-directories-")).resolve()
place.mkdir(parents=True, exist_ok=True)
(place / "texts.txt").write_text("\n".join(TEXTS) + "\n")


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1))


def edit(file, **values):
    """A change of keys of a JSON file, which is made where it is missing; "REMOVE" removes a key."""

    def change(directory):
        path = directory / file
        json_ = json.loads(path.read_text()) if path.is_file() else {}
        for key, value in values.items():
            if value == "REMOVE":
                json_.pop(key, None)
            else:
                json_[key] = value
        write(path, json_)

    return change


def word_piece(lowercase=True, accents=None, chinese=True):
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(
        lowercase=lowercase, strip_accents=accents, handle_chinese_chars=chinese)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def byte_level(dropout=None, spaced=False):
    """RoBERTa's form of byte-pair encoding, learnt from the texts."""
    from tokenizers import trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=spaced)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=spaced)
    tokenizer.decoder = decoders.ByteLevel()
    json_ = json.loads(tokenizer.to_str())
    json_["model"]["dropout"] = dropout
    return json_


BERT = dict(
    hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32,
    max_position_embeddings=40, initializer_range=0.4)


def base(directory, kind="bert"):
    """A model of its own kind with a mean pooling and every file at its default."""
    torch.manual_seed(1)
    size = dict(BERT)
    if kind == "roberta":
        words = byte_level()
        config = transformers.RobertaConfig(vocab_size=400, **size)
        model = transformers.RobertaModel(config)
        settings = {"tokenizer_class": "RobertaTokenizer", "model_max_length": 30, "cls_token": "<s>",
                    "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>",
                    "bos_token": "<s>", "eos_token": "</s>", "add_prefix_space": False}
    else:
        words = json.loads(word_piece().to_str())
        settings = {"tokenizer_class": "BertTokenizer", "model_max_length": 30, "do_lower_case": True,
                    "strip_accents": None, "tokenize_chinese_chars": True, "cls_token": "[CLS]",
                    "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
        if kind == "distilbert":
            config = transformers.DistilBertConfig(
                vocab_size=len(VOCABULARY), dim=WIDTH, n_layers=2, n_heads=4, hidden_dim=32,
                max_position_embeddings=40, initializer_range=0.4)
            model = transformers.DistilBertModel(config)
        else:
            config = transformers.BertConfig(vocab_size=len(VOCABULARY), **size)
            model = transformers.BertModel(config)
    model.eval().save_pretrained(directory)
    write(directory / "tokenizer.json", words)
    write(directory / "tokenizer_config.json", settings)
    module = lambda n, path, name: {
        "idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{name}"}
    write(directory / "modules.json", [module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling")])
    write(directory / "sentence_bert_config.json", {"max_seq_length": LONGEST, "do_lower_case": False})
    write(directory / "1_Pooling/config.json", {
        "word_embedding_dimension": WIDTH, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False})
    write(directory / "config_sentence_transformers.json", {
        "__version__": {"sentence_transformers": "5.1.2"}, "prompts": {}, "default_prompt_name": None,
        "similarity_fn_name": "cosine"})


def module(kind, path, config=None, tensors=None):
    """Appends a module."""

    def change(directory):
        modules = json.loads((directory / "modules.json").read_text())
        number = len(modules)
        modules.append({"idx": number, "name": str(number), "path": path,
                        "type": f"sentence_transformers.models.{kind}"})
        write(directory / "modules.json", modules)
        if config is not None:
            write(directory / path / "config.json", config)
        if tensors:
            save_file(tensors, directory / path / "model.safetensors")

    return change


def dense(out=WIDTH, bias=True, residual=False, **config):
    torch.manual_seed(2)
    tensors = {"linear.weight": torch.randn(out, WIDTH) / 4}
    if bias:
        tensors["linear.bias"] = torch.randn(out) / 3
    if residual and out != WIDTH:
        tensors["residual.weight"] = torch.randn(out, WIDTH) / 4
    about = {"in_features": WIDTH, "out_features": out, "bias": bias,
             "activation_function": "torch.nn.modules.activation.Tanh", **config}
    if residual:
        about["use_residual"] = True
    about = {key: value for key, value in about.items() if value != "REMOVE"}
    return module("Dense", "2_Dense", about, tensors)


def in_folder(directory):
    """The layout of versions before 2.0."""
    folder = directory / "0_Transformer"
    folder.mkdir()
    for path in list(directory.iterdir()):
        if path.is_file() and path.name not in ["modules.json", "config_sentence_transformers.json"]:
            shutil.move(path, folder / path.name)
    write(directory / "config.json", {"__version__": "0.3.8"})
    modules = json.loads((directory / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    write(directory / "modules.json", modules)


def vocabulary_only(**settings):
    def change(directory):
        (directory / "tokenizer.json").unlink()
        (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
        edit("tokenizer_config.json", **settings)(directory)

    return change


def tokenizer_json(**flags):
    return lambda directory: write(directory / "tokenizer.json", json.loads(word_piece(**flags).to_str()))


def in_tokenizer(part, **values):
    def change(directory):
        path = directory / "tokenizer.json"
        json_ = json.loads(path.read_text())
        target = json_ if part is None else json_[part]
        target.update(values)
        write(path, json_)

    return change


def bare(directory):
    for name in ["modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"]:
        (directory / name).unlink()
    shutil.rmtree(directory / "1_Pooling")


def lora(**options):
    def change(directory):
        home = directory / "base"
        home.mkdir()
        for name in ["config.json", "model.safetensors"]:
            shutil.move(directory / name, home / name)
        torch.manual_seed(3)
        model = transformers.BertModel.from_pretrained(home)
        wanted = {"r": 4, "lora_alpha": 16, "target_modules": ["query", "value"], **options}
        model = peft.get_peft_model(model, peft.LoraConfig(**wanted))
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(parameter, std=0.3)
        model.save_pretrained(directory)
        edit("adapter_config.json", base_model_name_or_path="base")(directory)

    return change


def both(*changes):
    def change(directory):
        for one in changes:
            one(directory)

    return change


CONFIG, WORDS_CONFIG = "config.json", "tokenizer_config.json"
LENGTH, SETTINGS, POOLING = "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json"

# (kind, key, which value, change)
CASES = [
    ("bert", "nothing", "every default", lambda directory: None),
    ("bert", "hidden_act", "gelu_new", edit(CONFIG, hidden_act="gelu_new")),
    ("bert", "hidden_act", "relu", edit(CONFIG, hidden_act="relu")),
    ("bert", "layer_norm_eps", "1e-5", edit(CONFIG, layer_norm_eps=1e-5)),
    ("bert", "position_embedding_type", "absolute", edit(CONFIG, position_embedding_type="absolute")),
    ("bert", "position_embedding_type", "relative_key", edit(CONFIG, position_embedding_type="relative_key")),
    ("bert", "is_decoder", "false", edit(CONFIG, is_decoder=False)),
    ("bert", "is_decoder", "true", edit(CONFIG, is_decoder=True)),
    ("bert", "add_cross_attention", "true", edit(CONFIG, add_cross_attention=True)),
    ("bert", "chunk_size_feed_forward", "1", edit(CONFIG, chunk_size_feed_forward=1)),
    ("bert", "output_hidden_states", "true", edit(CONFIG, output_hidden_states=True)),
    ("bert", "output_attentions", "true", edit(CONFIG, output_attentions=True)),
    ("bert", "pad_token_id", "3", edit(CONFIG, pad_token_id=3)),
    ("bert", "use_cache", "false", edit(CONFIG, use_cache=False)),
    ("bert", "hidden_dropout_prob", "0.5", edit(CONFIG, hidden_dropout_prob=0.5)),
    ("bert", "tie_word_embeddings", "false", edit(CONFIG, tie_word_embeddings=False)),
    ("bert", "pruned_heads", "{}", edit(CONFIG, pruned_heads={})),
    ("bert", "colour_of_layers", "an unknown key", edit(CONFIG, colour_of_layers=3)),
    ("distilbert", "nothing", "every default", lambda directory: None),
    ("distilbert", "sinusoidal_pos_embds", "true", edit(CONFIG, sinusoidal_pos_embds=True)),
    ("distilbert", "activation", "relu", edit(CONFIG, activation="relu")),
    ("distilbert", "hidden_size", "64", edit(CONFIG, hidden_size=64)),
    ("bert", "max_seq_length", "6", edit(LENGTH, max_seq_length=6)),
    ("bert", "max_seq_length", "missing", edit(LENGTH, max_seq_length="REMOVE")),
    ("bert", "do_lower_case", "true over a cased tokenizer",
     both(tokenizer_json(lowercase=False), edit(WORDS_CONFIG, do_lower_case=False, strip_accents=False),
          edit(LENGTH, do_lower_case=True))),
    ("bert", "do_lower_case", "false over a cased tokenizer",
     both(tokenizer_json(lowercase=False), edit(WORDS_CONFIG, do_lower_case=False))),
    ("bert", "transformer_task", "feature-extraction", edit(LENGTH, transformer_task="feature-extraction")),
    ("bert", "transformer_task", "fill-mask", edit(LENGTH, transformer_task="fill-mask")),
    ("bert", "model_args", "{}", edit(LENGTH, model_args={})),
    ("bert", "model_args", "attn_implementation eager", edit(LENGTH, model_args={"attn_implementation": "eager"})),
    ("bert", "tokenizer_args", "truncation_side left", edit(LENGTH, tokenizer_args={"truncation_side": "left"})),
    ("bert", "processing_kwargs", "max_length 5",
     edit(LENGTH, processing_kwargs={"text": {"max_length": 5}})),
    ("bert", "query_length", "null", edit(LENGTH, query_length=None)),
    ("bert", "query_length", "5", edit(LENGTH, query_length=5)),
    ("bert", "unpad_inputs", "false", edit(LENGTH, unpad_inputs=False)),
    ("bert", "similarity_fn_name", "dot", edit(SETTINGS, similarity_fn_name="dot")),
    ("bert", "similarity_fn_name", "null", edit(SETTINGS, similarity_fn_name=None)),
    ("bert", "truncate_dim", "null", edit(SETTINGS, truncate_dim=None)),
    ("bert", "truncate_dim", "8", edit(SETTINGS, truncate_dim=8)),
    ("bert", "truncate_dim", "8 behind Normalize", both(edit(SETTINGS, truncate_dim=8), module("Normalize", "2_Normalize"))),
    ("bert", "truncate_dim", "1000", edit(SETTINGS, truncate_dim=1000)),
    ("bert", "default_prompt_name", "q", edit(SETTINGS, prompts={"q": "one two "}, default_prompt_name="q")),
    ("bert", "include_prompt", "true", both(edit(POOLING, include_prompt=True),
     edit(SETTINGS, prompts={"q": "one two "}, default_prompt_name="q"))),
    ("bert", "include_prompt", "false", both(edit(POOLING, include_prompt=False),
     edit(SETTINGS, prompts={"q": "one two "}, default_prompt_name="q"))),
    ("bert", "model_type", "SentenceTransformer", edit(SETTINGS, model_type="SentenceTransformer")),
    ("bert", "model_type", "SparseEncoder", edit(SETTINGS, model_type="SparseEncoder")),
    ("bert", "requirements", "a list", edit(SETTINGS, requirements=["numpy"])),
    ("bert", "colour_of_prompts", "an unknown key", edit(SETTINGS, colour_of_prompts=3)),
    *[("bert", key, "true", edit(POOLING, pooling_mode_mean_tokens=False, **{key: True})) for key in [
        "pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens",
        "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"]],
    ("bert", "pooling_mode", "cls over flags of mean", edit(POOLING, pooling_mode="cls")),
    ("bert", "pooling_mode", "a list", edit(POOLING, pooling_mode=["lasttoken", "mean"])),
    ("bert", "pooling", "no mode at all", edit(POOLING, pooling_mode_mean_tokens=False)),
    ("bert", "embedding_dimension", "instead of word_embedding_dimension",
     edit(POOLING, word_embedding_dimension="REMOVE", embedding_dimension=WIDTH)),
    ("bert", "bias", "true", dense(bias=True)),
    ("bert", "bias", "false", dense(bias=False)),
    ("bert", "activation_function", "missing", dense(activation_function="REMOVE")),
    ("bert", "activation_function", "Identity", dense(activation_function="torch.nn.modules.linear.Identity")),
    ("bert", "activation_function", "GELU", dense(activation_function="torch.nn.modules.activation.GELU")),
    ("bert", "activation_function", "Softplus", dense(activation_function="torch.nn.modules.activation.Softplus")),
    ("bert", "use_residual", "false", dense(use_residual=False)),
    ("bert", "use_residual", "true", dense(residual=True)),
    ("bert", "use_residual", "true, to 16 dimensions", dense(out=16, residual=True)),
    ("bert", "module_input_name", "sentence_embedding", dense(module_input_name="sentence_embedding")),
    ("bert", "module_input_name", "token_embeddings", dense(module_input_name="token_embeddings")),
    ("bert", "module_output_name", "other", dense(module_output_name="other")),
    ("bert", "colour_of_units", "an unknown key", dense(colour_of_units=3)),
    ("bert", "module_input_name", "token_embeddings, of Normalize",
     module("Normalize", "2_Normalize", {"module_input_name": "token_embeddings"})),
    ("bert", "Normalize", "without a folder", module("Normalize", "2_Normalize")),
    ("bert", "Dropout", "a module that is not supported", module("Dropout", "2_Dropout", {"dropout": 0.2})),
    ("bert", "path", "0_Transformer", in_folder),
    ("bert", "kwargs", "an entry of modules.json", lambda directory: write(directory / "modules.json", [
        {**entry, "kwargs": []} for entry in json.loads((directory / "modules.json").read_text())])),
    ("bert", "modules.json", "missing", bare),
    ("bert", "truncation_side", "right", edit(WORDS_CONFIG, truncation_side="right")),
    ("bert", "truncation_side", "left", edit(WORDS_CONFIG, truncation_side="left")),
    ("bert", "truncation", "left, of tokenizer.json", in_tokenizer(None, truncation={
        "max_length": 9, "strategy": "LongestFirst", "stride": 0, "direction": "Left"})),
    ("bert", "padding", "of tokenizer.json", in_tokenizer(None, padding={
        "strategy": {"Fixed": 30}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "[PAD]"})),
    ("bert", "padding_side", "left", edit(WORDS_CONFIG, padding_side="left")),
    ("bert", "model_max_length", "7", both(edit(LENGTH, max_seq_length="REMOVE"), edit(WORDS_CONFIG, model_max_length=7))),
    ("bert", "model_max_length", "1e30", both(edit(LENGTH, max_seq_length="REMOVE"),
     edit(WORDS_CONFIG, model_max_length=int(1e30)))),
    ("bert", "do_lower_case", "false over a lower-casing tokenizer.json", edit(WORDS_CONFIG, do_lower_case=False)),
    ("bert", "do_lower_case", "missing over a cased tokenizer.json",
     both(tokenizer_json(lowercase=False), edit(WORDS_CONFIG, do_lower_case="REMOVE"))),
    ("bert", "strip_accents", "false", edit(WORDS_CONFIG, strip_accents=False)),
    ("bert", "strip_accents", "true without do_lower_case",
     edit(WORDS_CONFIG, strip_accents=True, do_lower_case=False)),
    ("bert", "tokenize_chinese_chars", "false", edit(WORDS_CONFIG, tokenize_chinese_chars=False)),
    ("bert", "tokenizer_class", "PreTrainedTokenizerFast, flags that disagree",
     edit(WORDS_CONFIG, tokenizer_class="PreTrainedTokenizerFast", do_lower_case=False)),
    ("bert", "vocab.txt", "every default", vocabulary_only()),
    ("bert", "do_lower_case", "false with vocab.txt", vocabulary_only(do_lower_case=False)),
    ("bert", "strip_accents", "false with vocab.txt", vocabulary_only(strip_accents=False)),
    ("bert", "tokenize_chinese_chars", "false with vocab.txt", vocabulary_only(tokenize_chinese_chars=False)),
    ("bert", "never_split", "a word", edit(WORDS_CONFIG, never_split=["naïve"])),
    ("bert", "do_basic_tokenize", "false", edit(WORDS_CONFIG, do_basic_tokenize=False)),
    ("bert", "clean_up_tokenization_spaces", "true", edit(WORDS_CONFIG, clean_up_tokenization_spaces=True)),
    ("bert", "model_input_names", "without types", edit(WORDS_CONFIG, model_input_names=["input_ids", "attention_mask"])),
    ("bert", "additional_special_tokens", "[]", edit(WORDS_CONFIG, additional_special_tokens=[])),
    ("bert", "additional_special_tokens", "a new token", edit(WORDS_CONFIG, additional_special_tokens=["<new>"])),
    ("bert", "added_tokens_decoder", "its own tokens", edit(WORDS_CONFIG, added_tokens_decoder={
        str(n): {"content": word, "special": True, "lstrip": False, "rstrip": False, "single_word": False,
                 "normalized": False} for n, word in enumerate(SPECIAL)})),
    ("bert", "added_tokens_decoder", "a word of the vocabulary", edit(WORDS_CONFIG, added_tokens_decoder={
        "6": {"content": "an", "special": False, "lstrip": False, "rstrip": False, "single_word": False,
              "normalized": False}})),
    ("bert", "cls_token", "another", edit(WORDS_CONFIG, cls_token="[MASK]")),
    ("bert", "split_special_tokens", "true", edit(WORDS_CONFIG, split_special_tokens=True)),
    ("bert", "special_tokens_map.json", "its own tokens",
     edit("special_tokens_map.json", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]")),
    ("bert", "added_tokens.json", "a word that is no token", edit("added_tokens.json", **{"<new>": 7})),
    ("bert", "colour_of_words", "an unknown key", edit(WORDS_CONFIG, colour_of_words=3)),
    ("bert", "max_input_chars_per_word", "3, of tokenizer.json", both(
        edit(WORDS_CONFIG, tokenizer_class="PreTrainedTokenizerFast"), in_tokenizer("model", max_input_chars_per_word=3))),
    ("roberta", "nothing", "every default", lambda directory: None),
    ("roberta", "dropout", "null, of tokenizer.json", in_tokenizer("model", dropout=None)),
    ("roberta", "dropout", "0.3, of tokenizer.json", in_tokenizer("model", dropout=0.3)),
    ("roberta", "add_prefix_space", "true over false", edit(WORDS_CONFIG, add_prefix_space=True)),
    ("roberta", "pad_token_id", "1", edit(CONFIG, pad_token_id=1)),
    ("roberta", "pad_token_id", "3", edit(CONFIG, pad_token_id=3)),
]
if peft:
    CASES += [
        ("bert", "adapter_config.json", "lora_alpha 16", lora()),
        ("bert", "lora_alpha", "1", lora(lora_alpha=1)),
        ("bert", "use_rslora", "true", lora(use_rslora=True)),
        ("bert", "target_modules", "every dense", lora(target_modules=["query", "key", "dense"])),
        ("bert", "use_dora", "true", lora(use_dora=True)),
        ("bert", "alpha_pattern", "one", lora(alpha_pattern={"layer.0.attention.self.query": 2})),
        ("bert", "bias", "all, of an adapter", lora(bias="all")),
    ]


def ours(directory):
    out = place / "ours.npy"
    out.unlink(missing_ok=True)
    done = subprocess.run(
        [program, "embed", "--model", directory, "--input", place / "texts.txt", "--output", out],
        capture_output=True, text=True)
    return (np.load(out) if done.returncode == 0 else None), done.stderr


def theirs(directory):
    os.chdir(directory)  # the base model of an adapter is named relative to it
    try:
        model = SentenceTransformer(str(directory), device="cpu")
        # one by one: a position of padding is no part of a text
        return model.float().encode(TEXTS, batch_size=1), ""
    except Exception as error:  # whatever it is, there is no vector to compare
        return None, f"{type(error).__name__}: {error}"


def judge(key, value, mine, said, reference):
    """(outcome, whether it is right)."""
    if value == "an unknown key" and key not in said:
        return "no warning", False
    if mine is None:
        return "refused", key in said
    if reference is None:
        return "refused by sentence-transformers only", True
    if mine.shape != reference.shape:
        return f"{mine.shape[1]} dimensions, not {reference.shape[1]}", False
    apart = float(abs(mine - reference).max())
    return (f"equal ({apart:.0e})" if apart <= BOUND else f"{apart:.1e} apart"), apart <= BOUND


contents, cases = {}, []


def keep(directory):
    """Its files, each content once, by the start of its hash."""
    files = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.name not in ["README.md", ".gitattributes"]:
            data = path.read_bytes()
            name = hashlib.sha256(data).hexdigest()[:12]
            files[str(path.relative_to(directory))] = name
            contents[name] = data
    return files


def pairs():
    """transformers' ids and types of pairs that are cut."""
    from transformers import AutoTokenizer

    rows = []
    directory = place / "000"
    for side in ["right", "left"]:
        tokenizer = AutoTokenizer.from_pretrained(directory, truncation_side=side)
        for a, b in [(TEXTS[5], "yes or not"), ("yes or not", TEXTS[5]), (TEXTS[5], TEXTS[6]), ("red", "new old")]:
            for length in [4, 5, 8, 9, 10, 20]:
                found = tokenizer(a, b, truncation="longest_first", max_length=length)
                rows.append({"side": side, "length": length, "texts": [a, b], "ids": found["input_ids"],
                             "types": found["token_type_ids"]})
    return rows


outcomes, failed = Counter(), []
transformers.logging.set_verbosity_error()
for number, (kind, key, value, change) in enumerate(CASES):
    directory = place / f"{number:03}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    base(directory, kind)
    change(directory)
    files = keep(directory)
    mine, said = ours(directory)
    reference, why = theirs(directory)
    outcome, right = judge(key, value, mine, said, reference)
    vectors = None if reference is None else [[float(f"{x:.7g}") for x in row] for row in reference]
    cases.append({"key": key, "value": value, "files": files, "vectors": vectors,
                  "outcome": "refused" if mine is None else "loads" if reference is None else "equal"})
    outcomes[outcome.split(" (")[0]] += 1
    line = f"{number:3} {kind:11} {key:28} {value:44} {outcome}"
    print(line if right else f"{line} FAILED", flush=True)
    if not right:
        failed.append(key)
        print("    " + said.strip().replace("\n", "\n    "), why[:200], sep="\n    ")

print(f"sentence-transformers {sentence_transformers.__version__}, transformers {transformers.__version__}: "
      f"{len(CASES)} directories, {len(failed)} failed")
for outcome, count in outcomes.most_common():
    print(f"  {count:3} {outcome}")
if fixture:
    fixture.mkdir(parents=True, exist_ok=True)
    texts = {}
    for name, data in contents.items():
        if data[:1] in b"{[" or not b"\0" in data:
            texts[name] = data.decode()
        else:
            (fixture / f"{name}.safetensors").write_bytes(data)
    whole = {"versions": {"sentence_transformers": sentence_transformers.__version__,
                          "transformers": transformers.__version__},
             "texts": TEXTS, "cases": cases, "contents": texts, "pairs": pairs()}
    (fixture / "cases.json").write_text(json.dumps(whole, ensure_ascii=False, separators=(",", ":")))
if given is None:
    shutil.rmtree(place)
sys.exit(bool(failed))
