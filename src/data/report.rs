//! What was decided and left out while a file was read.

use std::path::PathBuf;

/// What the user should know of how a file was read; nothing of it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReadReport {
    /// The file.
    pub path: PathBuf,
    /// What was inferred from the content, a sentence each.
    pub notes: Vec<String>,
    /// How the scores were read, where their scale was not given: `scores 0.4 to 10 read as 0..10`.
    pub scale: Option<String>,
    /// Blank lines passed over.
    pub blank_lines: u64,
    /// Rows left out because a cell is missing.
    pub skipped_rows: u64,
    /// Missing texts read as empty ones.
    pub blank_texts: u64,
    /// Pairs left out because people did not agree on their label.
    pub without_gold_label: u64,
    /// Examples whose texts are those of an earlier one.
    pub duplicates: u64,
}

impl ReadReport {
    /// The notes, each with its file before it.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.notes.iter().map(|note| format!("{}: {note}", self.path.display()))
    }

    /// How the scores were read, with the file before it.
    pub fn scale_line(&self) -> Option<String> {
        let scale = self.scale.as_ref()?;
        Some(format!("{}: {scale}", self.path.display()))
    }

    /// Adds the counts of another file.
    pub fn add(&mut self, other: &Self) {
        self.blank_lines += other.blank_lines;
        self.skipped_rows += other.skipped_rows;
        self.blank_texts += other.blank_texts;
        self.without_gold_label += other.without_gold_label;
        self.duplicates += other.duplicates;
    }

    /// The counts that are not 0, in words: `2 blank lines skipped`.
    pub fn counts(&self) -> Vec<String> {
        let counted = [
            (self.blank_lines, "blank line", "skipped"),
            (self.skipped_rows, "row", "with missing cells skipped"),
            (self.blank_texts, "missing text", "read as empty"),
            (self.without_gold_label, "pair", "without a gold label left out"),
            (self.duplicates, "duplicate", ""),
        ];
        let some = counted.iter().filter(|(count, ..)| *count > 0);
        some.map(|(count, what, how)| {
            let plural = if *count == 1 { "" } else { "s" };
            format!("{count} {what}{plural} {how}").trim_end().to_string()
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_zero_is_counted_in_words() {
        let mut report = ReadReport { blank_lines: 1, duplicates: 2, ..ReadReport::default() };
        assert_eq!(report.counts(), ["1 blank line skipped", "2 duplicates"]);
        report.add(&ReadReport { blank_lines: 1, skipped_rows: 3, ..ReadReport::default() });
        assert_eq!(
            report.counts(),
            ["2 blank lines skipped", "3 rows with missing cells skipped", "2 duplicates"]
        );
        assert!(ReadReport::default().counts().is_empty());
    }
}
