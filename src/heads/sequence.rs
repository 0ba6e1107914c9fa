//! The heads of transformers' `…ForSequenceClassification`, by architecture.

use crate::nn::Activation;
use serde_json::Value;

/// The layers of a classifier, in order: dropout, dense, activation, norm, dropout, and the linear
/// layer that gives the logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassifierLayers {
    /// Dropout of what the dense layer reads.
    pub input_dropout: f32,
    /// The dense layer.
    pub dense: Option<DenseLayer>,
    /// Dropout of what the last layer reads.
    pub dropout: f32,
    /// The standard deviation of new weights; `1/√inputs` where none.
    pub deviation: Option<f64>,
}

/// The dense layer of a classifier, (N, I) → (N, D).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DenseLayer {
    /// What follows it.
    pub activation: Activation,
    /// Whether it has a bias.
    pub bias: bool,
    /// The layer norm that follows the activation.
    pub norm: Option<HeadNorm>,
}

/// A layer norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadNorm {
    /// What is added to the variance.
    pub epsilon: f64,
    /// Whether it has a bias.
    pub bias: bool,
}

/// The head that transformers puts on an architecture for sequence classification and regression.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceHead {
    /// The class in transformers.
    pub class: &'static str,
    /// What its files put before the names of the encoder's tensors.
    pub prefix: &'static str,
    /// Whether it reads the mean of the token vectors, not the vector of the first token.
    pub reads_mean: bool,
    /// The names of the dense layer, its norm and the last layer in its files.
    pub names: HeadNames,
    /// The key of `config.json` for the dropout of what the last layer reads, if it has its own.
    pub dropout_key: Option<&'static str>,
    /// Its layers.
    pub layers: ClassifierLayers,
}

/// Names of the layers of a head in transformers' files; empty where there is no such layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadNames {
    /// The dense layer.
    pub dense: &'static str,
    /// The norm behind it.
    pub norm: &'static str,
    /// The layer that gives the logits.
    pub last: &'static str,
}

impl SequenceHead {
    /// The head of the architecture that `config`, a `config.json`, describes; none where
    /// transformers has no such class for it.
    pub fn of(config: &Value) -> Option<Self> {
        let head = match config["model_type"].as_str()? {
            "bert" => Self::bert(config),
            "roberta" => Self::roberta(config, "RobertaForSequenceClassification"),
            "xlm-roberta" => Self::roberta(config, "XLMRobertaForSequenceClassification"),
            "camembert" => Self::roberta(config, "CamembertForSequenceClassification"),
            "electra" => Self::electra(config),
            "mpnet" => Self::mpnet(config),
            "distilbert" => Self::distilbert(config),
            "albert" => Self::albert(config),
            "deberta-v2" => Self::deberta(config),
            "modernbert" => Self::modernbert(config),
            _ => return None,
        };
        Some(head)
    }

    /// Puts the dropout of what the last layer reads into `config`, a `config.json`, where the
    /// architecture has a key for it.
    pub fn set_dropout(&self, config: &mut Value, rate: f32) {
        if let Some(key) = self.dropout_key {
            // in as few digits as name it
            config[key] = rate.to_string().parse().unwrap_or(f64::from(rate)).into();
        }
    }

    /// The name of the tensor `name` of our head (`head.dense.weight` …) in transformers' files.
    pub fn stored_name(&self, name: &str) -> Option<String> {
        let (layer, part) =
            name.strip_prefix("head.")?.rsplit_once('.').unwrap_or(("", &name[5..]));
        let stored = match layer {
            "dense" => self.names.dense,
            "norm" => self.names.norm,
            "" => self.names.last,
            _ => return None,
        };
        Some(format!("{stored}.{part}"))
    }

    /// The vector of the first token, BERT's pooler, dropout, and a linear layer.
    fn bert(config: &Value) -> Self {
        let dropout = rate(config, "classifier_dropout").unwrap_or(hidden_dropout(config));
        Self {
            class: "BertForSequenceClassification",
            prefix: "bert.",
            reads_mean: false,
            names: HeadNames { dense: "bert.pooler.dense", norm: "", last: "classifier" },
            dropout_key: Some("classifier_dropout"),
            layers: ClassifierLayers {
                input_dropout: 0.,
                dense: Some(DenseLayer {
                    activation: Activation::Tanh,
                    bias: true,
                    norm: None,
                }),
                dropout,
                deviation: Some(config["initializer_range"].as_f64().unwrap_or(0.02)),
            },
        }
    }

    /// Dropout before the dense layer as well.
    fn roberta(config: &Value, class: &'static str) -> Self {
        let bert = Self::bert(config);
        Self {
            class,
            prefix: "roberta.",
            names: HeadNames {
                dense: "classifier.dense",
                norm: "",
                last: "classifier.out_proj",
            },
            layers: ClassifierLayers { input_dropout: bert.layers.dropout, ..bert.layers },
            ..bert
        }
    }

    fn electra(config: &Value) -> Self {
        let head = Self::roberta(config, "ElectraForSequenceClassification");
        Self { prefix: "electra.", ..head }.with_activation(Activation::Gelu)
    }

    /// The dropout of its layers, whatever `classifier_dropout` is.
    fn mpnet(config: &Value) -> Self {
        let head = Self::roberta(config, "MPNetForSequenceClassification");
        let dropout = hidden_dropout(config);
        let layers = ClassifierLayers { input_dropout: dropout, dropout, ..head.layers };
        Self { prefix: "mpnet.", dropout_key: None, layers, ..head }
    }

    fn distilbert(config: &Value) -> Self {
        let bert = Self::bert(config);
        let dropout = rate(config, "seq_classif_dropout").unwrap_or(0.2);
        Self {
            class: "DistilBertForSequenceClassification",
            prefix: "distilbert.",
            names: HeadNames { dense: "pre_classifier", ..bert.names },
            dropout_key: Some("seq_classif_dropout"),
            layers: ClassifierLayers { dropout, ..bert.layers },
            ..bert
        }
        .with_activation(Activation::Relu)
    }

    fn albert(config: &Value) -> Self {
        let bert = Self::bert(config);
        let dropout = rate(config, "classifier_dropout_prob").unwrap_or(0.1);
        Self {
            class: "AlbertForSequenceClassification",
            prefix: "albert.",
            names: HeadNames { dense: "albert.pooler", ..bert.names },
            dropout_key: Some("classifier_dropout_prob"),
            layers: ClassifierLayers { dropout, ..bert.layers },
            ..bert
        }
    }

    /// A pooler with its own activation and dropout.
    fn deberta(config: &Value) -> Self {
        let bert = Self::bert(config);
        Self {
            class: "DebertaV2ForSequenceClassification",
            prefix: "deberta.",
            names: HeadNames { dense: "pooler.dense", ..bert.names },
            dropout_key: Some("cls_dropout"),
            layers: ClassifierLayers {
                input_dropout: rate(config, "pooler_dropout").unwrap_or(0.),
                dropout: rate(config, "cls_dropout").unwrap_or(hidden_dropout(config)),
                ..bert.layers
            },
            ..bert
        }
        .with_activation(activation(config, "pooler_hidden_act"))
    }

    /// A layer norm behind the dense layer, and a choice of what is read.
    fn modernbert(config: &Value) -> Self {
        let norm = HeadNorm {
            epsilon: config["norm_eps"].as_f64().unwrap_or(1e-5),
            bias: config["norm_bias"].as_bool().unwrap_or(false),
        };
        let dense = DenseLayer {
            activation: activation(config, "classifier_activation"),
            bias: config["classifier_bias"].as_bool().unwrap_or(false),
            norm: Some(norm),
        };
        let bert = Self::bert(config);
        Self {
            class: "ModernBertForSequenceClassification",
            prefix: "model.",
            reads_mean: config["classifier_pooling"] == "mean",
            names: HeadNames { dense: "head.dense", norm: "head.norm", last: "classifier" },
            layers: ClassifierLayers {
                dense: Some(dense),
                dropout: rate(config, "classifier_dropout").unwrap_or(0.),
                ..bert.layers
            },
            ..bert
        }
    }

    fn with_activation(mut self, activation: Activation) -> Self {
        if let Some(dense) = &mut self.layers.dense {
            dense.activation = activation;
        }
        self
    }
}

fn rate(config: &Value, key: &str) -> Option<f32> {
    config[key].as_f64().map(|rate| rate as f32).filter(|rate| (0. ..1.).contains(rate))
}

fn hidden_dropout(config: &Value) -> f32 {
    rate(config, "hidden_dropout_prob").unwrap_or(0.1)
}

/// The activation of that key, GELU where there is none or it is unknown.
fn activation(config: &Value, key: &str) -> Activation {
    let name = config[key].as_str().and_then(|name| Activation::of_transformers(name).ok());
    name.unwrap_or(Activation::Gelu)
}
