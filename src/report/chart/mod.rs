//! The pictures of a report, each a function of numbers.

mod agreement;
mod curves;
mod forest;
mod spectrum;

pub use agreement::{FAR, NEAR, buckets, histogram, median, peak, scatter};
pub use curves::{DRAWN, curves, overlay};
pub use forest::{ForestRow, Whisker, forest};
pub use spectrum::{directions, spectra};

/// A name for files and anchors: letters, digits and single hyphens.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(40);
    slug.trim_end_matches('-').to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_slug_holds_nothing_strange() {
        assert_eq!(super::slug("  R-Drop over <scores>! 2"), "r-drop-over-scores-2");
        assert_eq!(super::slug("中文/../x"), "x");
    }
}
