//! The names of objectives, and the options each knows.

/// An objective by its name.
#[derive(Debug)]
pub struct ObjectiveInfo {
    /// Its name in a run file.
    pub name: &'static str,
    /// Other names it goes by.
    pub aliases: &'static [&'static str],
    /// Its options, typed behind a colon: `triplet:distance=cosine,margin=0.2`.
    pub options: &'static [&'static str],
    /// What it is, in a line.
    pub about: &'static str,
}

const KNOWN: [ObjectiveInfo; 25] = [
    ObjectiveInfo {
        name: "rdrop",
        aliases: &["r-drop"],
        options: &["preset", "alpha", "js", "label-smoothing", "temperature", "scale"],
        about: "R-Drop on scores, class labels or in-batch similarities, by the labels of the data",
    },
    ObjectiveInfo {
        name: "rdrop-scores",
        aliases: &[],
        options: &["preset", "alpha"],
        about: "R-Drop on the cosine similarity of scored pairs",
    },
    ObjectiveInfo {
        name: "rdrop-regression",
        aliases: &[],
        options: &["preset", "alpha"],
        about: "R-Drop on the output of a regression head",
    },
    ObjectiveInfo {
        name: "rdrop-classes",
        aliases: &[],
        options: &["preset", "alpha", "js", "label-smoothing"],
        about: "R-Drop on the output of a classification head",
    },
    ObjectiveInfo {
        name: "rdrop-batch",
        aliases: &[],
        options: &["preset", "alpha", "js", "label-smoothing", "temperature", "scale"],
        about: "R-Drop on in-batch similarities",
    },
    ObjectiveInfo {
        name: "kl",
        aliases: &[],
        options: &["js"],
        about: "R-Drop's KL term alone, on the output of a classification head for unlabelled texts",
    },
    ObjectiveInfo {
        name: "consert",
        aliases: &["nt-xent", "ntxent"],
        options: &["temperature", "scale", "type", "stop-gradient", "centre"],
        about: "ConSERT: NT-Xent of two views, or their cosine similarity alone",
    },
    ObjectiveInfo {
        name: "simcse",
        aliases: &["infonce", "info-nce"],
        options: &["temperature", "scale", "hard-negative-weight"],
        about: "SimCSE: InfoNCE of two views, or of anchors, positives and hard negatives",
    },
    ObjectiveInfo {
        name: "mnrl",
        aliases: &["multiple-negatives-ranking"],
        options: &["scale", "temperature", "symmetric"],
        about: "multiple negatives ranking loss of anchors, positives and negatives",
    },
    ObjectiveInfo {
        name: "cosine-mse",
        aliases: &["cosine-similarity"],
        options: &[],
        about: "mean squared error between cosine similarity and score",
    },
    ObjectiveInfo {
        name: "cosent",
        aliases: &[],
        options: &["scale", "temperature"],
        about: "CoSENT: ranking of cosine similarities by score",
    },
    ObjectiveInfo {
        name: "angle",
        aliases: &[],
        options: &["scale", "temperature"],
        about: "AnglE: ranking of angle differences by score; as published: angle+cosent+simcse",
    },
    ObjectiveInfo {
        name: "softmax",
        aliases: &["cross-entropy"],
        options: &["label-smoothing"],
        about: "cross-entropy of a classification head",
    },
    ObjectiveInfo {
        name: "regression",
        aliases: &[],
        options: &[],
        about: "mean squared error between the output of a regression head and the score",
    },
    ObjectiveInfo {
        name: "bce",
        aliases: &["binary-cross-entropy"],
        options: &["rdrop"],
        about: "binary cross-entropy between the logit of a cross-encoder and a score of 0 to 1",
    },
    ObjectiveInfo {
        name: "margin-mse",
        aliases: &[],
        options: &["rdrop"],
        about: "mean squared error between differences in score of two documents of a query and a teacher's",
    },
    ObjectiveInfo {
        name: "ranknet",
        aliases: &[],
        options: &["rdrop"],
        about: "RankNet: pairwise ranking of the documents of a query",
    },
    ObjectiveInfo {
        name: "listnet",
        aliases: &[],
        options: &["rdrop"],
        about: "ListNet: cross-entropy between the relevances of a query's documents and their scores",
    },
    ObjectiveInfo {
        name: "lambda",
        aliases: &["lambdarank", "lambda-loss"],
        options: &["rdrop"],
        about: "LambdaRank: pairwise ranking weighted by the change in NDCG",
    },
    ObjectiveInfo {
        name: "distill-kl",
        aliases: &[],
        options: &["temperature", "rdrop"],
        about: "KL divergence from a teacher's scores of the documents of a query",
    },
    ObjectiveInfo {
        name: "triplet",
        aliases: &[],
        options: &["distance", "margin"],
        about: "triplet margin loss",
    },
    ObjectiveInfo {
        name: "contrastive",
        aliases: &[],
        options: &["margin"],
        about: "contrastive loss of pairs scored 0 or 1, with a margin",
    },
    ObjectiveInfo {
        name: "online-contrastive",
        aliases: &[],
        options: &["margin"],
        about: "contrastive loss of the hard pairs of a batch",
    },
    ObjectiveInfo {
        name: "mlm",
        aliases: &["masked-lm", "masked-language-modelling"],
        options: &[],
        about: "masked language modelling",
    },
    ObjectiveInfo {
        name: "distillation",
        aliases: &["distill"],
        options: &[],
        about: "mean squared error between embeddings and a teacher's",
    },
];

/// Every objective by its name. All that see embeddings alone also know `dims` and
/// `dim-weights`, Matryoshka's widths: `mnrl:dims=256/128/64,dim-weights=1/0.5/0.25`.
pub fn objectives() -> &'static [ObjectiveInfo] {
    &KNOWN
}

/// The name a part's objective has in the list.
pub(super) fn listed(name: &str) -> Option<&'static ObjectiveInfo> {
    KNOWN.iter().find(|known| known.name == name || known.aliases.contains(&name))
}
