//! Gold scores against cosine similarities: scatter plots and histograms.

use super::section::{PageBlock, Section, by_run, silence};
use crate::report::chart::{FAR, NEAR, buckets, histogram, median, peak, scatter};
use crate::report::format::{count, isolated, list};
use crate::report::plot::{Axis, ColorRole};
use crate::report::{PairScores, Report, SetReport};

/// Nothing where nothing was evaluated at all.
pub fn section(report: &Report) -> Option<Section> {
    let asked = report.runs.iter().any(|run| !run.sets.is_empty());
    let blocks = || {
        by_run(report, |run, prefix| match run.telling() {
            None => vec![silence(run)],
            Some((_, set)) => vec![dots(set, prefix), bars(set, prefix)],
        })
    };
    asked.then(|| Section {
        id: "agreement",
        title: "Agreement with gold scores",
        blocks: blocks(),
    })
}

/// The judgements there are, with their names.
fn sides(set: &SetReport) -> Vec<(&'static str, &PairScores, ColorRole)> {
    let before = set.before.as_ref().ok().map(|found| ("before", &**found, ColorRole::Before));
    let after = set.after.as_ref().ok().map(|found| ("after", found, ColorRole::After));
    before.into_iter().chain(after).collect()
}

/// One axis for all cosines.
fn axis(set: &SetReport) -> Axis {
    let sides = sides(set);
    let all = sides.iter().flat_map(|(_, found, _)| found.cosines().iter().copied());
    Axis::linear(all, 5)
}

fn dots(set: &SetReport, prefix: &str) -> PageBlock {
    let (sides, axis) = (sides(set), axis(set));
    let plots = sides.iter().map(|(name, found, _)| {
        let title = if *name == "before" { "Before" } else { "After" };
        scatter(&format!("{prefix}scatter-{name}"), title, found, set.pairs.scale(), &axis)
    });
    let far = sides.iter().map(|(name, found, _)| {
        let residuals = found.residuals();
        let share = residuals.iter().filter(|residual| residual.abs() > FAR).count() as f64
            / residuals.len().max(1) as f64;
        format!("{:.1} % {name}", 100. * share)
    });
    let caption = format!(
        "{} of {}: gold score against cosine similarity. Colours show the rank error, the rank by cosine \
         similarity minus the rank by gold score: grey within {near:.0} % of all ranks, <b class=\"low\">blue</b> \
         ranked too low, <b class=\"high\">orange</b> ranked too high, strong colours beyond {far:.0} % ({}).",
        count(set.pairs.set().len(), "pair"),
        isolated(&set.pairs.set().title),
        list(&far.collect::<Vec<_>>()),
        near = 100. * NEAR,
        far = 100. * FAR,
    );
    PageBlock::Figure(plots.collect(), caption)
}

fn bars(set: &SetReport, prefix: &str) -> PageBlock {
    let (sides, axis) = (sides(set), axis(set));
    let parts: Vec<_> =
        sides.iter().map(|(_, found, _)| buckets(found, set.pairs.scale())).collect();
    let tallest = parts.iter().map(|parts| peak(parts, &axis)).fold(0., f64::max);
    let plots = sides.iter().zip(&parts).map(|((name, _, color), parts)| {
        let title = format!("Cosine similarity by gold score, {name}");
        histogram(&format!("{prefix}cosines-{name}"), &title, parts, &axis, (*color, tallest))
    });
    let medians = sides.iter().zip(&parts).map(|((name, ..), parts)| {
        let middle = |part: Option<&(String, Vec<f64>)>| {
            let value = part.and_then(|(_, values)| median(values));
            value.map_or_else(|| "–".into(), |value| format!("{value:.2}").replace('-', "−"))
        };
        let (low, high) = (middle(parts.first()), middle(parts.last()));
        format!("from {low} to {high} {name} training")
    });
    let sizes: Vec<String> = parts
        .first()
        .into_iter()
        .flatten()
        .map(|(_, values)| values.len().to_string())
        .collect();
    let caption = format!(
        "Histograms of cosine similarity for each fifth of the gold scale, normalized by row ({} \
         pairs, lowest scores first); vertical lines: medians. From the lowest fifth to the \
         highest, the median changes {}.",
        sizes.join(", "),
        list(&medians.collect::<Vec<_>>())
    );
    PageBlock::Figure(plots.collect(), caption)
}
