//! Text in, vectors out: a model with its tokenizer, and its directory on disk.

mod adapter;
mod card;
mod carried_files;
mod classifier;
mod compat;
mod directory;
mod encode;
mod encoder;
mod head_description;
mod head_logits;
mod json;
mod known_keys;
mod module_list;
mod modules;
mod options;
mod preset;
mod prompted;
mod prompts;
mod save;
mod sequence_classifier;
mod settings;
mod static_embedding;
mod static_layout;
mod stored_heads;
#[cfg(feature = "train")]
mod stored_names;
mod tokenizer_files;
mod weights;
#[cfg(feature = "eval")]
mod whitening;

#[cfg(feature = "train")]
pub(crate) use card::{CardScore, CardSection, ModelCard};
pub use classifier::TextClassifier;
pub use compat::{Compatibility, Consumer, Issue, check_compatibility};
pub use encoder::SentenceEncoder;
pub use head_description::{HeadDescription, ProblemType};
pub use options::EncodeOptions;
pub use preset::Preset;
pub use prompted::PromptedEncoder;
pub use prompts::Prompts;
pub use static_layout::StaticFormat;
#[cfg(feature = "train")]
pub(crate) use stored_names::StoredNames;
