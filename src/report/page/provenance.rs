//! Provenance of each run.

use super::html::{Table, definitions, head};
use super::section::{PageBlock, Section, by_run};
use crate::report::format::{escaped, isolated, list};
use crate::report::{Report, RunReport};
use crate::train::Provenance;

pub fn section(report: &Report) -> Section {
    let blocks = by_run(report, |run, _| blocks_of(run));
    Section { id: "provenance", title: "Provenance", blocks }
}

fn blocks_of(run: &RunReport) -> Vec<PageBlock> {
    let nothing = Provenance::default();
    let (known, source) = match &run.provenance {
        Ok(Some(known)) => (known, None),
        Ok(None) => (&nothing, Some("The run directory has no provenance.json.".to_string())),
        Err(reason) => (&nothing, Some(format!("{reason}."))),
    };
    let origin = known.model.clone().unwrap_or_default();
    let maybe = |value: &Option<String>| value.as_deref().map(isolated);
    let command = known.command_line();
    let mut facts: Vec<(&str, Option<String>)> = vec![
        (
            "Command",
            (!command.is_empty()).then(|| format!("<code>{}</code>", isolated(&command))),
        ),
        ("twindrop", maybe(&known.twindrop)),
        ("Random seed", known.seed.map(|seed| seed.to_string())),
        ("Threads", known.threads.map(|threads| threads.to_string())),
        ("CPU", maybe(&known.cpu)),
        ("Started", maybe(&known.started)),
        ("Initial model", maybe(&origin.name)),
    ];
    if run.config.preset.is_none() {
        facts.push(("SHA-256 of initial weights", origin.sha256.as_deref().map(hash)));
    }
    let unknown = facts.iter().filter(|(_, value)| value.is_none());
    let unknown: Vec<String> = unknown.map(|(name, _)| name.to_lowercase()).collect();
    let known_facts = facts.iter().filter_map(|(name, value)| Some((*name, value.clone()?)));
    let mut entries: Vec<(&str, String)> = known_facts.collect();
    entries.push(("Directory", isolated(&run.directory.display().to_string())));
    let weights = match &run.weights {
        Ok(digits) => hash(digits),
        Err(reason) => escaped(reason),
    };
    entries.push(("SHA-256 of final weights", weights));
    let mut blocks = vec![PageBlock::Html(definitions(&entries))];
    if !known.data.is_empty() {
        blocks.push(PageBlock::Html(table(known)));
    }
    let sentences =
        [source, (!unknown.is_empty()).then(|| format!("Unknown: {}.", list(&unknown)))];
    let sentences: Vec<String> = sentences.into_iter().flatten().collect();
    if !sentences.is_empty() {
        blocks.push(PageBlock::paragraph(&sentences.join(" ")));
    }
    blocks
}

fn hash(digits: &str) -> String {
    format!("<code class=\"hash\">{}</code>", escaped(digits))
}

fn table(known: &Provenance) -> String {
    let rows = known.data.iter().map(|file| {
        vec![
            isolated(&file.path.display().to_string()),
            file.sha256.as_deref().map_or_else(|| "unknown".into(), hash),
        ]
    });
    let (caption, head) = ("Data".into(), head(&["File", "SHA-256"]));
    Table { caption, head, text_columns: 2, rows: rows.collect() }.html()
}
