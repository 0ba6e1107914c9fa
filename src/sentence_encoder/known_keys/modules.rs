//! The keys of sentence-transformers' files, and of PEFT's `adapter_config.json`.

use super::rules::{Rules, refused};

/// An entry of `modules.json`.
pub(in crate::sentence_encoder) const ENTRY: Rules = Rules {
    honoured: &["path", "type", "twindrop_pooling"],
    harmless: &[("modules run in the order of the list", &["idx", "name"])],
    refused: &[refused(
        "kwargs",
        &["[]", "{}", "null"],
        "arguments of encode that a module takes are not supported",
    )],
};

const TEXT: &[&str] = &[
    r#"{"text": {"method": "forward", "method_output_name": "last_hidden_state"}}"#,
    r#"{"text": {"method": "forward", "method_output_name": ["last_hidden_state"]}}"#,
    "{}",
    "null",
];

const LATE: &str = "late interaction (ColBERT) is not supported";

/// `sentence_bert_config.json`.
pub(in crate::sentence_encoder) const TRANSFORMER: Rules = Rules {
    honoured: &[
        "config_args",
        "config_kwargs",
        "do_lower_case",
        "max_seq_length",
        "model_args",
        "model_kwargs",
        "processor_kwargs",
        "tokenizer_args",
    ],
    harmless: &[(
        "it changes where and how the same numbers are computed",
        &["backend", "cache_dir", "unpad_inputs"],
    )],
    refused: &[
        refused(
            "transformer_task",
            &[r#""feature-extraction""#, "null"],
            "only hidden states can be pooled",
        ),
        refused("modality_config", TEXT, "only the last hidden state of texts is supported"),
        refused(
            "module_output_name",
            &[r#""token_embeddings""#, "null"],
            "only token_embeddings can be pooled",
        ),
        refused(
            "processing_kwargs",
            &["{}", "null"],
            "options of the tokenizer are not supported",
        ),
        refused(
            "tokenizer_name_or_path",
            &["null"],
            "a tokenizer elsewhere is not supported; copy its files into the model directory",
        ),
        refused("query_length", &["null"], LATE),
        refused("document_length", &["null"], LATE),
        refused("query_expansion", &["null"], LATE),
    ],
};

/// Options of transformers' `from_pretrained` in `sentence_bert_config.json` that change no
/// embedding: how and where the same numbers are computed, and of which code.
pub(in crate::sentence_encoder) const HARMLESS_OPTIONS: [&str; 10] = [
    "add_pooling_layer",
    "attn_implementation",
    "device_map",
    "dtype",
    "low_cpu_mem_usage",
    "torch_dtype",
    "trust_remote_code",
    "use_cache",
    "use_fast",
    "use_safetensors",
];

/// `config_sentence_transformers.json`.
pub(in crate::sentence_encoder) const SETTINGS: Rules = Rules {
    honoured: &["prompts", "default_prompt_name", "similarity_fn_name", "truncate_dim"],
    harmless: &[
        ("it says who saved the model", &["__version__"]),
        ("it lists Python packages", &["requirements"]),
    ],
    refused: &[
        refused(
            "model_type",
            &[r#""SentenceTransformer""#, "null"],
            "only SentenceTransformer models have one embedding for each text",
        ),
        refused(
            "activation_fn",
            &["null"],
            "this is a CrossEncoder, which scores pairs of texts",
        ),
        refused("query_prefix", &["null"], LATE),
        refused("document_prefix", &["null"], LATE),
        refused("query_length", &["null"], LATE),
        refused("document_length", &["null"], LATE),
        refused("attend_to_expansion_tokens", &["null", "false"], LATE),
        refused("do_query_expansion", &["null", "false"], LATE),
        refused("skiplist_words", &["null"], LATE),
    ],
};

/// `1_Pooling/config.json`.
pub(in crate::sentence_encoder) const POOLING: Rules = Rules {
    honoured: &[
        "pooling_mode",
        "pooling_mode_cls_token",
        "pooling_mode_max_tokens",
        "pooling_mode_mean_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
        "pooling_mode_weightedmean_tokens",
        "pooling_mode_lasttoken",
        "include_prompt",
        "twindrop_pooling",
    ],
    harmless: &[(
        "the encoder's own width is used",
        &["word_embedding_dimension", "embedding_dimension"],
    )],
    refused: &[],
};

const SENTENCE: &[&str] = &[r#""sentence_embedding""#, "null"];

const SENTENCE_ONLY: &str = "only sentence_embedding is supported";

/// The `config.json` of a Dense module.
pub(in crate::sentence_encoder) const DENSE: Rules = Rules {
    honoured: &["in_features", "out_features", "bias", "activation_function", "use_residual"],
    harmless: &[],
    refused: &[
        refused("module_input_name", SENTENCE, SENTENCE_ONLY),
        refused("module_output_name", SENTENCE, SENTENCE_ONLY),
    ],
};

/// The `config.json` of a Normalize module, which need not be there.
pub(in crate::sentence_encoder) const NORMALIZE: Rules = Rules {
    honoured: &[],
    harmless: &[],
    refused: &[
        refused("module_input_name", SENTENCE, SENTENCE_ONLY),
        refused("module_output_name", SENTENCE, SENTENCE_ONLY),
    ],
};

/// The `config.json` of a WeightedLayerPooling module.
pub(in crate::sentence_encoder) const WEIGHTED_LAYERS: Rules = Rules {
    honoured: &["layer_start", "num_hidden_layers"],
    harmless: &[(
        "the encoder's own width is used",
        &["word_embedding_dimension", "embedding_dimension"],
    )],
    refused: &[],
};

const MERGE: &str =
    "this variant of LoRA is not supported; merge it with PEFT's merge_and_unload";

/// PEFT's `adapter_config.json`.
pub(in crate::sentence_encoder) const ADAPTER: Rules = Rules {
    honoured: &["base_model_name_or_path", "lora_alpha", "peft_type", "r", "use_rslora"],
    harmless: &[
        ("it concerns training", &["inference_mode", "lora_dropout", "ensure_weight_tying"]),
        (
            "it says who saved the file",
            &["auto_mapping", "peft_version", "revision", "task_type"],
        ),
        (
            "the tensors of the file say which layers have an adapter",
            &["exclude_modules", "layers_pattern", "layers_to_transform", "target_modules"],
        ),
        (
            "it takes effect with another setting only",
            &["loftq_config", "eva_config", "corda_config"],
        ),
        ("it changes how the same numbers are computed", &["megatron_core", "runtime_config"]),
    ],
    refused: &[
        refused("alpha_pattern", &["{}", "null"], MERGE),
        refused("rank_pattern", &["{}", "null"], MERGE),
        refused("alora_invocation_tokens", &["null"], MERGE),
        refused("arrow_config", &["null"], MERGE),
        refused("bias", &[r#""none""#, "null"], MERGE),
        refused("fan_in_fan_out", &["false", "null"], MERGE),
        refused(
            "init_lora_weights",
            &["true", "false", "null", r#""gaussian""#, r#""eva""#, r#""orthogonal""#],
            MERGE,
        ),
        refused("layer_replication", &["null"], MERGE),
        refused("lora_bias", &["false", "null"], MERGE),
        refused("megatron_config", &["null"], MERGE),
        refused("modules_to_save", &["[]", "null"], MERGE),
        refused("target_parameters", &["[]", "null"], MERGE),
        refused("trainable_token_indices", &["null"], MERGE),
        refused("use_bdlora", &["false", "null"], MERGE),
        refused(
            "use_dora",
            &["false", "null"],
            "DoRA is not supported; merge it with PEFT's merge_and_unload",
        ),
        refused("use_qalora", &["false", "null"], MERGE),
    ],
};

/// `config_sentence_transformers.json` of a CrossEncoder, whose head is used.
pub(in crate::sentence_encoder) const CROSS_ENCODER_SETTINGS: Rules = Rules {
    honoured: &["activation_fn", "model_type"],
    harmless: &[
        ("it says who saved the model", &["__version__"]),
        ("prompts are used by name only", &["prompts"]),
        ("everything is computed in float32", &["keep_in_fp32_modules"]),
    ],
    refused: &[refused(
        "default_prompt_name",
        &["null"],
        "prompts of cross-encoders are not supported",
    )],
};

/// `sentence_bert_config.json` of a CrossEncoder, whose head is used.
pub(in crate::sentence_encoder) const CROSS_ENCODER_TRANSFORMER: Rules = Rules {
    honoured: TRANSFORMER.honoured,
    harmless: TRANSFORMER.harmless,
    refused: &[
        refused(
            "transformer_task",
            &[r#""sequence-classification""#],
            "only heads for sequence classification are supported",
        ),
        refused(
            "modality_config",
            &[r#"{"text": {"method": "forward", "method_output_name": "logits"}}"#],
            "only logits of texts are supported",
        ),
        refused("module_output_name", &[r#""scores""#], "only scores are supported"),
        refused(
            "processing_kwargs",
            &["{}", "null"],
            "options of the tokenizer are not supported",
        ),
    ],
};
