//! Models other than BERT whose configurations or weights ask for what does not exist.

use super::*;
use crate::support::fixture;

/// A place whose model is the fixture called `name`, after `damage`.
fn damaged(name: &str, damage: impl Fn(&Place)) -> Place {
    let place = Place::new();
    fs::remove_dir_all(place.path("model")).expect("a folder");
    for (file, content) in files(fixture("architectures").join(name)) {
        place.write(Path::new("model").join(file), content);
    }
    damage(&place);
    place
}

/// Each row: a fixture, a key of its `config.json`, its new value, and the words expected.
const ROWS: &[(&str, &str, &str, &[&str])] = &[
    (
        "roberta",
        "position_embedding_type",
        r#""relative_key""#,
        &["\"relative_key\"", "\"absolute\""],
    ),
    ("roberta", "hidden_act", r#""mish""#, &["hidden_act \"mish\"", "gelu_new", "relu"]),
    ("roberta", "is_decoder", "true", &["is_decoder", "encoder"]),
    ("roberta", "pad_token_id", "47", &["max_position_embeddings is 48", "counted from 48"]),
    ("roberta", "pad_token_id", "-1", &["pad_token_id"]),
    ("roberta", "pad_token_id", "4294967295", &["max_position_embeddings is 48"]),
    (
        "roberta",
        "max_position_embeddings",
        "49",
        &["model.safetensors", "position_embeddings", "[49, 16]"],
    ),
    (
        "xlm-roberta",
        "model_type",
        r#""xlm-roberta-xl""#,
        &["\"xlm-roberta-xl\"", "xlm-roberta", "mpnet"],
    ),
    ("distilbert", "activation", r#""softsign""#, &["activation \"softsign\"", "gelu"]),
    ("distilbert", "n_heads", "5", &["dim 16", "n_heads 5"]),
    ("distilbert", "hidden_dim", "0", &["hidden_dim is 0"]),
    ("distilbert", "dropout", "1.0", &["dropout", "0..1"]),
    ("distilbert", "n_layers", "3", &["transformer.layer.2.", "missing"]),
    (
        "mpnet",
        "relative_attention_num_buckets",
        "16",
        &["relative_attention_num_buckets is 16", "32"],
    ),
    (
        "mpnet",
        "relative_attention_num_buckets",
        r#""many""#,
        &["relative_attention_num_buckets", "whole number"],
    ),
    (
        "mpnet",
        "max_position_embeddings",
        "2",
        &["max_position_embeddings is 2", "counted from 2"],
    ),
    ("electra", "embedding_size", "0", &["embedding_size is 0"]),
    ("electra", "embedding_size", "null", &["embedding_size is null", "whole number"]),
    ("electra", "embedding_size", "16", &["embeddings.LayerNorm", "[16]", "config.json"]),
    ("albert", "num_hidden_groups", "3", &["num_hidden_groups is 3", "num_hidden_layers"]),
    ("albert", "num_hidden_groups", "0", &["num_hidden_groups is 0"]),
    ("albert", "num_hidden_groups", "2", &["albert_layer_groups.1.", "missing"]),
    ("albert", "inner_group_num", "100000", &["inner_group_num is 100000", "at most"]),
    ("albert", "embedding_size", "2.5", &["embedding_size is 2.5", "whole number"]),
    ("modernbert", "hidden_activation", r#""mish""#, &["hidden_activation \"mish\"", "gelu"]),
    ("modernbert", "num_attention_heads", "16", &["the head size 1 is odd", "rotary"]),
    ("modernbert", "layer_types", r#"["full_attention"]"#, &["layer_types has 1 layers", "4"]),
    (
        "modernbert",
        "layer_types",
        r#"["full_attention", "full_attention", "full_attention", "chunked_attention"]"#,
        &["\"chunked_attention\"", "sliding_attention"],
    ),
    (
        "modernbert",
        "rope_parameters",
        r#"{"full_attention": {"rope_type": "yarn", "factor": 4.0}}"#,
        &["rope_type \"yarn\"", "default"],
    ),
    (
        "modernbert",
        "rope_parameters",
        r#"{"sliding_attention": {"rope_theta": 0.0}}"#,
        &["rotary embeddings is 0"],
    ),
    ("modernbert", "rope_scaling", r#"{"type": "linear"}"#, &["rope_scaling", "linear"]),
    ("modernbert", "embedding_dropout", "-0.1", &["dropout", "0..1"]),
    ("modernbert", "norm_bias", "true", &["norm.bias", "missing"]),
    ("modernbert", "intermediate_size", "25", &["mlp.Wi.weight", "[50, 16]"]),
    ("deberta-v3", "pos_att_type", r#"["c2p", "p2p"]"#, &["pos_att_type \"p2p\"", "c2p"]),
    ("deberta-v3", "position_buckets", "3", &["position_buckets is 3", "4 to"]),
    ("deberta-v3", "position_buckets", "1000", &["position_buckets is 1000", "125"]),
    ("deberta-v3", "max_relative_positions", "99999999", &["max_relative_positions"]),
    ("deberta-v3", "attention_head_size", "5", &["attention_head_size is 5", "expected 8"]),
    ("deberta-v3", "share_att_key", "false", &["pos_key_proj", "missing"]),
    ("deberta-v2-convolution", "conv_kernel_size", "2", &["conv_kernel_size is 2", "odd"]),
    ("deberta-v2-convolution", "conv_kernel_size", "5", &["conv.conv.weight", "[16, 16, 5]"]),
    ("deberta-v2-convolution", "conv_groups", "2", &["conv_groups is 2"]),
    ("deberta-v2-convolution", "conv_act", r#""mish""#, &["conv_act \"mish\"", "tanh"]),
    ("nomic", "activation_function", r#""gelu_new""#, &["activation_function", "swiglu"]),
    ("nomic", "prenorm", "true", &["prenorm is true", "not supported"]),
    ("nomic", "moe_every_n_layers", "2", &["moe_every_n_layers is 2"]),
    ("nomic", "n_head", "3", &["hidden_size 16", "num_attention_heads 3"]),
    ("nomic", "n_embd", r#""wide""#, &["n_embd", "whole number"]),
    ("nomic", "rotary_emb_fraction", "0.4", &["rotary_emb_fraction 0.4", "even number"]),
    ("nomic", "rotary_emb_fraction", "0.0", &["position_embeddings", "missing"]),
    ("nomic", "rotary_scaling_factor", "0.5", &["rotary_scaling_factor is 0.5"]),
    ("nomic", "qkv_proj_bias", "true", &["Wqkv.bias", "missing"]),
    ("nomic", "n_inner", "257", &["fc11.weight", "[512, 16]"]),
];

#[test]
fn configurations_of_descendants_with_something_wrong_in_them() {
    for (name, key, value, expected) in ROWS {
        let value: Value = serde_json::from_str(value).expect("JSON");
        let place = damaged(name, |place| {
            place.json(CONFIG, |config| config[*key] = value.clone());
        });
        println!("{name}: {key} = {value}"); // shown where the test fails
        place.refuses("eval --model model --data pairs.tsv", expected);
        place.refuses(&TRAIN.replace("--dev pairs.tsv", ""), expected);
    }
}

#[test]
fn a_directory_without_a_tokenizer_it_can_read() {
    let place = damaged("roberta", |place| {
        place.remove("model/tokenizer.json");
        place.write("model/vocab.json", "{}");
        place.write("model/merges.txt", "");
    });
    place.refuses("eval --model model --data pairs.tsv", &["tokenizer.json", "AutoTokenizer"]);
}

#[test]
fn a_word_table_shorter_than_the_tokenizer() {
    let place = damaged("distilbert", |place| {
        let tokenizer = fs::read_to_string(place.path("model/tokenizer.json")).expect("a file");
        let longer = tokenizer.replacen("\"<unused", "\"more\":64,\"<unused", 1);
        assert_ne!(longer, tokenizer);
        place.write("model/tokenizer.json", longer);
    });
    place.refuses("eval --model model --data pairs.tsv", &["ids up to 64", "64 rows"]);
}
