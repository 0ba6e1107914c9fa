//! Queries, a corpus and judgements.

use super::Target;
use crate::scratch::{choice, files};
use twindrop::data::read_collection;

const FORMATS: [&str; 4] = ["jsonl", "tsv", "csv", "jsonl"];

/// Three files, a NUL between them; the first byte chooses their formats.
pub const COLLECTION: Target = Target {
    name: "collection",
    prepare: |scratch, data| {
        let (choice, data) = choice(data);
        scratch.choice = choice;
        let mut given = files(data);
        for name in names(choice) {
            scratch.write(&name, given.next().unwrap_or_default());
        }
    },
    read: |scratch| {
        let [queries, corpus, qrels] = names(scratch.choice).map(|name| scratch.path(&name));
        let Ok(read) = read_collection(&queries, &corpus, &qrels) else { return };
        assert_eq!(read.judged.len(), read.queries.len());
        for (place, score) in read.judged.iter().flatten() {
            assert!(*place < read.corpus.len() && score.is_finite());
        }
    },
};

fn names(choice: u8) -> [String; 3] {
    let format = |shift: u8| FORMATS[usize::from(choice >> shift & 3)];
    let qrels = if choice >> 4 & 1 == 0 { "tsv" } else { "csv" };
    [
        format!("queries.{}", format(0)),
        format!("corpus.{}", format(2)),
        format!("qrels.{qrels}"),
    ]
}
