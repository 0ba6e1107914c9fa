//! The keys of `config.json`, by architecture.

use super::rules::{Rules, refused};

/// Keys that every architecture may have.
pub(super) const COMMON: Rules = Rules {
    honoured: &[
        "model_type",
        "output_hidden_states",
        "quantization_config",
        "sbert_ce_default_activation_function",
        "sentence_transformers",
        "tokenizer_class",
        "twindrop",
        "vocab_size",
    ],
    harmless: &[
        ("it says who saved the file, and how", &SAVED),
        ("only heads for classes or generated text read it", &HEADS),
        ("it sets initial weights, or dropout while training", &["gradient_checkpointing"]),
        ("it changes how the same numbers are computed", &RUNTIME),
        (
            "weights are computed in float32, whatever they were stored in",
            &["dtype", "torch_dtype"],
        ),
        ("texts are packed, not padded", &["pad_token_id"]),
        ("the tokenizer adds its own special tokens", &TOKENS),
        ("it asks for more than the hidden states", &["output_attentions", "return_dict"]),
    ],
    refused: &[
        refused("is_decoder", &["false", "null"], "only encoders are supported"),
        refused("is_causal", &["false", "null"], "only attention to all tokens is supported"),
        refused("add_cross_attention", &["false", "null"], "only encoders are supported"),
        refused("is_encoder_decoder", &["false", "null"], "only encoders are supported"),
        refused("pruned_heads", &["{}", "null"], "pruned heads are not supported"),
        refused("adapters", &["null", "{}"], "merge the adapters into the weights first"),
    ],
};

const SAVED: [&str; 9] = [
    "_name_or_path",
    "architectures",
    "auto_map",
    "finetuning_task",
    "language",
    "name",
    "transformers_version",
    "unsloth_version",
    "twindrop_version",
];

const HEADS: [&str; 60] = [
    "bad_words_ids",
    "begin_suppress_tokens",
    "classifier_activation",
    "classifier_bias",
    "classifier_dropout",
    "classifier_dropout_prob",
    "classifier_pooling",
    "cross_attention_hidden_size",
    "decoder_bias",
    "decoder_start_token_id",
    "directionality",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "id2label",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_scores",
    "pooler_dropout",
    "pooler_fc_size",
    "pooler_hidden_act",
    "pooler_hidden_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
    "prefix",
    "problem_type",
    "qa_dropout",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "seq_classif_dropout",
    "sparse_pred_ignore_index",
    "sparse_prediction",
    "summary_activation",
    "summary_first_dropout",
    "summary_last_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "top_k",
    "typical_p",
];

const RUNTIME: [&str; 16] = [
    "_attn_implementation",
    "_attn_implementation_autoset",
    "attn_implementation",
    "chunk_size_feed_forward",
    "deterministic_flash_attn",
    "memory_efficient_gradient",
    "output_past",
    "reference_compile",
    "repad_logits_with_grad",
    "torchscript",
    "unpad_inputs",
    "use_bfloat16",
    "use_cache",
    "use_flash_attention_2",
    "use_memory_efficient_attention",
    "use_xformers",
];

const TOKENS: [&str; 7] = [
    "bos_token_id",
    "cls_token_id",
    "eos_token_id",
    "eos_token_ids",
    "mask_token_id",
    "sep_token_id",
    "unk_token_id",
];

const BERT: Rules = Rules {
    honoured: &[
        "attention_probs_dropout_prob",
        "hidden_act",
        "hidden_dropout_prob",
        "hidden_size",
        "initializer_range",
        "intermediate_size",
        "layer_norm_eps",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "position_embedding_type",
        "type_vocab_size",
        "embedding_size",
    ],
    harmless: &[(
        "the architecture has no such part",
        &["down_scale_factor", "gap_size", "net_structure_type", "num_memory_blocks"],
    )],
    refused: &[],
};

const ALBERT: Rules =
    Rules { honoured: &["inner_group_num", "num_hidden_groups"], harmless: &[], refused: &[] };

const MPNET: Rules =
    Rules { honoured: &["relative_attention_num_buckets"], harmless: &[], refused: &[] };

const NAMED_ELSEWHERE: &str = "DistilBERT's own names are dim, n_layers and n_heads";

const DISTILBERT: Rules = Rules {
    honoured: &[
        "activation",
        "attention_dropout",
        "dim",
        "dropout",
        "hidden_dim",
        "initializer_range",
        "max_position_embeddings",
        "n_heads",
        "n_layers",
    ],
    harmless: &[("the table of positions is among the weights", &["sinusoidal_pos_embds"])],
    refused: &[
        refused("hidden_size", &["null"], NAMED_ELSEWHERE),
        refused("num_hidden_layers", &["null"], NAMED_ELSEWHERE),
        refused("num_attention_heads", &["null"], NAMED_ELSEWHERE),
    ],
};

const DEBERTA: Rules = Rules {
    honoured: &[
        "attention_head_size",
        "conv_act",
        "conv_groups",
        "conv_kernel_size",
        "embedding_size",
        "max_relative_positions",
        "norm_rel_ebd",
        "pos_att_type",
        "position_biased_input",
        "position_buckets",
        "relative_attention",
        "share_att_key",
    ],
    harmless: &[("only heads or other implementations read it", &["legacy", "padding_idx"])],
    refused: &[],
};

const MODERNBERT: Rules = Rules {
    honoured: &[
        "attention_bias",
        "attention_dropout",
        "embedding_dropout",
        "global_attn_every_n_layers",
        "global_rope_theta",
        "hidden_activation",
        "hidden_size",
        "initializer_range",
        "intermediate_size",
        "layer_types",
        "local_attention",
        "local_rope_theta",
        "max_position_embeddings",
        "mlp_bias",
        "mlp_dropout",
        "norm_bias",
        "norm_eps",
        "num_attention_heads",
        "num_hidden_layers",
        "rope_parameters",
        "rope_scaling",
    ],
    harmless: &[
        ("it sets initial weights", &["initializer_cutoff_factor"]),
        ("positions are rotary whatever it says", &["position_embedding_type"]),
        ("its norms have layer_norm_eps under the name norm_eps", &["layer_norm_eps"]),
    ],
    refused: &[],
};

const NOMIC: Rules = Rules {
    honoured: &[
        "activation_function",
        "attn_pdrop",
        "causal",
        "head_dim",
        "layer_norm_epsilon",
        "max_trained_positions",
        "mlp_fc1_bias",
        "mlp_fc2_bias",
        "moe_every_n_layers",
        "n_embd",
        "n_head",
        "n_inner",
        "n_layer",
        "n_positions",
        "pad_vocab_size_multiple",
        "parallel_block",
        "prenorm",
        "qkv_proj_bias",
        "resid_pdrop",
        "rope_parameters",
        "rotary_emb_base",
        "rotary_emb_fraction",
        "rotary_emb_interleaved",
        "rotary_head_dim",
        "rotary_scaling_factor",
        "use_rms_norm",
    ],
    harmless: &[
        ("it changes how the same numbers are computed", &NOMIC_RUNTIME),
        ("it concerns experts, and only models without them are supported", &NOMIC_EXPERTS),
        ("embeddings have the dropout of the blocks", &["embd_pdrop"]),
    ],
    refused: &[
        refused("scale_attn_weights", &["true", "null"], "only scaled attention is supported"),
        refused(
            "scale_attn_by_inverse_layer_idx",
            &["false", "null"],
            "only one scale for all layers is supported",
        ),
        refused(
            "rotary_emb_scale_base",
            &["null"],
            "scaled rotary embeddings are not supported",
        ),
        refused(
            "parallel_block_tied_norm",
            &["false", "null"],
            "parallel blocks are not supported",
        ),
    ],
};

const NOMIC_RUNTIME: [&str; 12] = [
    "dense_seq_output",
    "fused_bias_fc",
    "fused_dropout_add_ln",
    "last_layer_subset",
    "mlp_checkpoint_lvl",
    "reorder_and_upcast_attn",
    "use_flash_attn",
    "use_xentropy",
    "ffn_div",
    "expert_choice_router",
    "expand",
    "tensor_parallel",
];

const NOMIC_EXPERTS: [&str; 8] = [
    "moe_impl",
    "moe_normalize_expert_weights",
    "moe_resid_pdrop",
    "moe_top_k",
    "num_experts",
    "num_shared_experts",
    "router_aux_loss_coef",
    "blocks",
];

const BAG: Rules =
    Rules { honoured: &["hidden_size", "hidden_dropout_prob"], harmless: &[], refused: &[] };

/// A static embedding model of model2vec, whose `config.json` has nothing else of transformers'.
pub(in crate::sentence_encoder) const MODEL2VEC: Rules = Rules {
    honoured: &["max_length", "model_type", "normalize"],
    harmless: &[
        (
            "it says who saved the file, and how",
            &["architectures", "tokenizer_name", "language"],
        ),
        ("it says how the model was distilled", &DISTILLED),
        ("the tensors themselves say it", &TENSORS),
        ("model2vec does not read it; max_length counts", &["seq_length"]),
    ],
    refused: &[],
};

const DISTILLED: [&str; 4] = ["apply_pca", "apply_zipf", "pooling", "sif_coefficient"];

const TENSORS: [&str; 3] = ["embedding_dtype", "hidden_dim", "vocabulary_quantization"];

const NONE: Rules = Rules { honoured: &[], harmless: &[], refused: &[] };

/// The keys of an architecture beyond the common ones; descendants of BERT have BERT's too.
pub(super) const KINDS: &[(&str, Rules)] = &[
    ("albert", ALBERT),
    ("bag", BAG),
    ("deberta-v2", DEBERTA),
    ("distilbert", DISTILBERT),
    ("modernbert", MODERNBERT),
    ("mpnet", MPNET),
    ("nomic_bert", NOMIC),
];

/// What is known of the `config.json` of a `model_type`.
pub(in crate::sentence_encoder) fn config_rules(model_type: &str) -> [&'static Rules; 3] {
    let own = KINDS.iter().find(|(kind, _)| *kind == model_type).map(|(_, rules)| rules);
    let alone = ["bag", "distilbert", "modernbert"].contains(&model_type);
    [&COMMON, if alone { &NONE } else { &BERT }, own.unwrap_or(&NONE)]
}
