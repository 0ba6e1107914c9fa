//! Text on disk → examples, and the order in which an epoch visits them.
//!
//! [`read`] takes a `.tsv`, `.csv`, `.jsonl`, `.json` or `.txt` file, compressed or not, apart into
//! [`Example`]s. A `.csv` has a header unless the options say otherwise; a `.tsv` has one where its
//! first line
//! has known names, or differs from the lines below it as names do. Which column is what comes from
//! the options, else from a header, else from the content of the first line:
//!
//! | the first line has | it is read as |
//! | --- | --- |
//! | 1 column | `text` |
//! | 2 columns, no number | `anchor, positive` |
//! | 3 columns, the last a number | `sentence1, sentence2, score` |
//! | 3 columns, the last an inference label | `premise, hypothesis, label` |
//! | 3 columns, no number | `anchor, positive, negative` |
//! | 4 or more, the second a number | `subset, score, sentence1, sentence2`, the rest ignored |
//!
//! Anything else is refused with a hint to name the columns, never read as something it may not
//! be. A guess must also last: where a file was taken for bare texts, a later line that ends in a
//! score or an inference label is an error, because then it was the first line that was broken;
//! so is any other label where a file was taken for inference. Named columns are not doubted. What
//! was inferred from the content, and how many rows were left out, is in a [`ReadReport`].
//!
//! ```
//! use std::path::Path;
//! use twindrop::data::{ReadOptions, Scale, read_from};
//!
//! let text = "a plane is taking off\tan air plane is taking off\t5.0\n\
//!             a man is playing a flute\ta man is eating\t0.8\n";
//! let pairs = read_from(text.as_bytes(), Path::new("pairs.tsv"), &ReadOptions::default())?;
//!
//! assert_eq!(pairs.examples[1].texts, ["a man is playing a flute", "a man is eating"]);
//! assert_eq!(pairs.scale, Some(Scale::FIVE));
//! assert_eq!(pairs.unit_scores(), [1.0, 0.16]);
//! # Ok::<(), twindrop::Error>(())
//! ```

mod batches;
mod collection;
mod columns;
mod dataset;
mod dataset_builder;
mod formats;
mod judgements;
mod memory;
mod options;
mod read;
mod report;
mod scored;
#[cfg(test)]
mod tests;
mod text_row;
mod texts;
mod triplets;

pub use batches::batch_order::{BatchOrder, Batches, IndexBatch, shuffled};
pub use batches::sampler::BatchSampler;
pub use collection::{Collection, TextEntry, collection_files, read_collection};
pub use columns::missing::OnMissing;
pub use columns::scale::Scale;
pub use dataset::{Dataset, Example, Label};
pub use formats::delimiter::Delimiter;
pub use formats::senteval::Subset;
pub use formats::source::open_text;
pub use formats::transfer::read_labelled;
pub use options::{Format, ReadOptions};
pub use read::{read, read_from};
pub use report::ReadReport;
pub use scored::{Scored, read_scored};
pub use text_row::{KeptValue, TextRow};
pub use texts::{each_text, each_text_from};
pub use triplets::contrast_triplets;
