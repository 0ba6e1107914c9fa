//! Inference pairs → triplets to contrast, as supervised SimCSE trains on (Gao et al. 2021).

use std::collections::HashMap;

use super::{Dataset, Example, Label};
use crate::error::{Error, Result};

/// What was said to follow from a premise, and what to contradict it.
#[derive(Default)]
struct Judged<'a> {
    premise: &'a str,
    entailed: Vec<&'a str>,
    contradicted: Vec<&'a str>,
}

/// `(premise, entailed, contradicted)` as (anchor, positive, negative), for every premise that
/// has both: one triplet for each entailed hypothesis, in the order of the file, the n-th with
/// the n-th contradicted one, going round where these are fewer. Neutral hypotheses,
/// premises with one kind only, and a hypothesis that would be its own negative are left out.
///
/// # Errors
/// Where the data are not pairs with the classes `entailment` and `contradiction`, or no premise
/// has both; the message counts what there is.
pub fn contrast_triplets(pairs: &Dataset) -> Result<Dataset> {
    let judged = judged(pairs)?;
    let examples: Vec<Example> = judged.iter().flat_map(Judged::triplets).collect();
    if examples.is_empty() {
        let with = |has: fn(&Judged) -> bool| judged.iter().filter(|one| has(one)).count();
        let message = format!(
            "no triplets: no premise has both an entailed and a contradicted hypothesis (of {} \
             premises, {} have an entailed and {} a contradicted one)",
            judged.len(),
            with(|one| !one.entailed.is_empty()),
            with(|one| !one.contradicted.is_empty()),
        );
        return Err(Error::data(&pairs.path, message));
    }
    Ok(Dataset {
        path: pairs.path.clone(),
        examples,
        classes: Vec::new(),
        scale: None,
        scale_detected: false,
        scale_question: None,
        integer_labels: false,
        report: pairs.report.clone(),
        columns: ["anchor", "positive", "negative"].map(String::from).to_vec(),
    })
}

impl Judged<'_> {
    fn triplets(&self) -> impl Iterator<Item = Example> {
        let partners = self.contradicted.iter().cycle();
        let pairs = self.entailed.iter().zip(partners);
        // what people disagree about contrasts with itself
        pairs.filter(|(positive, negative)| positive != negative).map(|(positive, negative)| {
            let texts = [self.premise, positive, negative].map(String::from);
            Example { texts: texts.to_vec(), label: None }
        })
    }
}

/// The premises in order of first appearance.
fn judged(pairs: &Dataset) -> Result<Vec<Judged<'_>>> {
    let class = |name: &str| pairs.classes.iter().position(|class| class == name);
    let (Some(entailment), Some(contradiction), 2) =
        (class("entailment"), class("contradiction"), pairs.width())
    else {
        return Err(Error::data(&pairs.path, refusal(pairs)));
    };
    let (mut judged, mut places) = (Vec::new(), HashMap::new());
    for example in &pairs.examples {
        let (premise, hypothesis) = (example.texts[0].as_str(), example.texts[1].as_str());
        let place = *places.entry(premise).or_insert(judged.len());
        if place == judged.len() {
            judged.push(Judged { premise, ..Judged::default() });
        }
        match example.label.and_then(Label::class).map(|class| class as usize) {
            Some(class) if class == entailment => judged[place].entailed.push(hypothesis),
            Some(class) if class == contradiction => {
                judged[place].contradicted.push(hypothesis)
            }
            _ => {}
        }
    }
    Ok(judged)
}

/// What the data are instead.
fn refusal(pairs: &Dataset) -> String {
    let found = match &pairs.classes[..] {
        [] => format!("has the columns {} and no class labels", pairs.columns.join(", ")),
        classes if pairs.width() == 2 => {
            let shown = &classes[..classes.len().min(5)];
            let more = if shown.len() < classes.len() { ", …" } else { "" };
            format!("has the classes {}{more}", shown.join(", "))
        }
        _ => format!("has {} texts per example", pairs.width()),
    };
    format!("{found}; triplets need pairs labelled entailment and contradiction")
}

#[cfg(test)]
mod tests {
    use super::super::{ReadOptions, read_from};
    use super::*;

    fn triplets(text: &str) -> Result<Vec<String>> {
        let pairs = read_from(text.as_bytes(), "f.tsv".as_ref(), &ReadOptions::default())?;
        let triplets = contrast_triplets(&pairs)?;
        assert_eq!(triplets.columns, ["anchor", "positive", "negative"]);
        assert!(triplets.classes.is_empty() && !triplets.is_scored());
        assert!(triplets.examples.iter().all(|example| example.label.is_none()));
        Ok(triplets.examples.iter().map(|example| example.texts.join(" ")).collect())
    }

    fn complaint(text: &str) -> String {
        triplets(text).unwrap_err().to_string()
    }

    #[test]
    fn a_premise_with_both_kinds_is_an_anchor() {
        let text = "p\ta\tcontradiction\nq\tb\tentailment\np\tc\tneutral\np\td\tentailment\n\
                    r\te\tcontradiction\np\tf\tentailment\n";
        assert_eq!(triplets(text).unwrap(), ["p d a", "p f a"]);
    }

    #[test]
    fn entailed_and_contradicted_hypotheses_go_together_in_order() {
        let text = "p\ta\tentailment\np\tb\tentailment\np\tc\tentailment\n\
                    p\tx\tcontradiction\np\ty\tcontradiction\n";
        assert_eq!(triplets(text).unwrap(), ["p a x", "p b y", "p c x"]);
        let fewer = "p\tx\tcontradiction\np\ty\tcontradiction\np\ta\tentailment\n";
        assert_eq!(triplets(fewer).unwrap(), ["p a x"]);
    }

    #[test]
    fn a_hypothesis_judged_both_ways_is_no_negative_of_itself() {
        let text = "p\ta\tentailment\np\ta\tcontradiction\nq\tb\tentailment\n\
                    q\tc\tcontradiction\n";
        assert_eq!(triplets(text).unwrap(), ["q b c"]);
    }

    #[test]
    fn data_that_make_no_triplet_are_counted() {
        let apart =
            "p\ta\tentailment\nq\tb\tcontradiction\nq\tc\tcontradiction\nr\td\tneutral\n";
        let error = complaint(apart);
        let message = "(of 3 premises, 1 have an entailed and 1 a contradicted one)";
        assert!(
            error.starts_with("f.tsv: no triplets: no premise") && error.ends_with(message),
            "{error}"
        );
        let numbers = "premise\thypothesis\tlabel\np\ta\t0\np\tb\t2\n";
        assert!(complaint(numbers).starts_with("f.tsv: has the classes 0, 2; triplets need"));
        assert!(
            complaint("a\tb\n")
                .starts_with("f.tsv: has the columns anchor, positive and no class")
        );
        let single = "label\ttext\nentailment\ta\ncontradiction\tb\n";
        assert!(complaint(single).starts_with("f.tsv: has 1 texts per example"));
    }
}
