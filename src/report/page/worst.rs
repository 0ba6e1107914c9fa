//! The pairs with the largest rank errors.

use super::html::{NOTHING, Table, head};
use super::section::{PageBlock, Section, by_run, silence};
use crate::error::excerpt;
use crate::eval::average_ranks;
use crate::report::format::{isolated, number};
use crate::report::{PairScores, Report, SetReport};

/// How many are shown.
const SHOWN: usize = 20;

/// Letters of a sentence that are shown at once.
const LETTERS: usize = 280;

/// Nothing where nothing was evaluated at all.
pub fn section(report: &Report) -> Option<Section> {
    let asked = report.runs.iter().any(|run| !run.sets.is_empty());
    let blocks = || {
        by_run(report, |run, _| match run.telling() {
            Some((_, set)) if set.after.is_ok() => blocks_of(set),
            _ => vec![silence(run)],
        })
    };
    asked.then(|| Section { id: "pairs", title: "Largest rank errors", blocks: blocks() })
}

fn blocks_of(set: &SetReport) -> Vec<PageBlock> {
    let Ok(after) = &set.after else { return Vec::new() };
    let residuals = after.residuals();
    if let Err(reason) = &after.assessment.sets[0][0].value {
        return vec![PageBlock::paragraph(&format!("Rank errors are undefined: {reason}."))];
    }
    let mut order: Vec<usize> = (0..residuals.len()).collect();
    order.sort_by(|&a, &b| residuals[b].abs().total_cmp(&residuals[a].abs()).then(a.cmp(&b)));
    order.truncate(SHOWN);
    let texts: Vec<(&str, &str)> = set.pairs.texts().collect();
    let gold = average_ranks(after.gold());
    let before = set.before.as_ref().ok();
    let row = |&place: &usize| {
        let cosine = |found: &PairScores| number(found.cosines()[place], 3);
        let (left, right) = texts[place];
        vec![
            format!("<div>{}</div><div>{}</div>", sentence(left), sentence(right)),
            plain(after.gold()[place]),
            before.map_or_else(|| NOTHING.into(), |found| cosine(found)),
            cosine(after),
            number(gold[place], 0),
            number(after.ranks[place], 0),
            off(residuals[place]),
        ]
    };
    let rows: Vec<Vec<String>> = order.iter().map(row).collect();
    let caption = format!(
        "The {} pairs of {} with the largest difference between the rank by cosine similarity after \
         training and the rank by gold score, of {} ranks",
        rows.len(),
        isolated(&set.pairs.set().title),
        number(residuals.len() as f64, 0)
    );
    let head = head(&[
        "Pair",
        "Gold score",
        "Cosine before",
        "Cosine after",
        "Rank by gold",
        "Rank by cosine",
        "Rank error",
    ]);
    vec![PageBlock::Html(Table { caption, head, text_columns: 1, rows }.html())]
}

/// A gold score with two digits at most.
fn plain(score: f64) -> String {
    let text = number(score, 2);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// The rank error as a share of all ranks: `+62 %` is ranked too high.
fn off(residual: f64) -> String {
    let (text, kind) = (number(100. * residual, 0), if residual < 0. { "low" } else { "high" });
    let sign = if residual > 0. { "+" } else { "" };
    format!("<b class=\"{kind}\">{sign}{text} %</b>")
}

/// A sentence; a very long one is folded to its beginning.
fn sentence(text: &str) -> String {
    if text.chars().count() <= LETTERS {
        return isolated(text);
    }
    format!(
        "<details><summary>{}</summary><div class=\"long\">{}</div></details>",
        isolated(&excerpt(text, LETTERS - 40)),
        isolated(text)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::format::escaped;

    #[test]
    fn a_long_word_is_folded_and_none_of_it_lost() {
        let word = "x".repeat(10_000);
        let html = sentence(&word);
        assert!(html.contains(&word) && html.contains("<summary><bdi>xxx"));
        assert_eq!(sentence("a < b"), format!("<bdi>{}</bdi>", escaped("a < b")));
    }

    #[test]
    fn scores_are_written_short() {
        assert_eq!([5., 3.25, 10., 0.].map(plain), ["5", "3.25", "10", "0"]);
        assert_eq!(off(-0.5), "<b class=\"low\">−50 %</b>");
    }
}
