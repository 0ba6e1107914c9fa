//! `twindrop recipes`, and the slots of a run file.

use crate::cli::shared::print::say;
use crate::error::{Error, Result};
use crate::train::{DataConfig, Recipe, RunConfig};
use std::path::{Path, PathBuf};

pub fn run() -> Result<()> {
    for recipe in Recipe::all() {
        let slots: Vec<_> =
            recipe.slots().map(|(name, what)| format!("{name}: {what}")).collect();
        let (name, title) = (recipe.name, recipe.title());
        say(format!("{name}\n    {title}\n    {}", recipe.source()))?;
        for slot in slots {
            say(format!("    {slot}"))?;
        }
    }
    say("\ntwindrop train --recipe NAME --model MODEL --data FILE --dev FILE --output-dir out")
}

/// `<nli>` names a slot.
fn slot(path: &Path) -> Option<&str> {
    path.to_str()?.strip_prefix('<')?.strip_suffix('>')
}

/// Fills the slots of the stages of `config` with `files`: each `name=path`, or the next slot.
/// `over` changes what is known of a file; where a slot named dev or test is left, it goes.
pub fn fill(
    config: &mut RunConfig,
    files: &[PathBuf],
    over: impl Fn(DataConfig) -> DataConfig,
) -> Result<()> {
    config.dev.retain(|set| slot(&set.path).is_none());
    if config.dev.is_empty() {
        (config.metric_for_best_model, config.greater_is_better) = (None, None);
        config.dev_evaluator.clear();
    }
    config.test = config.test.take().filter(|set| slot(&set.path).is_none());
    let mut open: Vec<String> = Vec::new();
    for phase in config.stage.iter().flat_map(|stage| &stage.cycle) {
        if let Some(name) = slot(&phase.data.path)
            && !open.iter().any(|known| known == name)
        {
            open.push(name.into());
        }
    }
    for file in files {
        let words = file.to_string_lossy();
        let named = words.split_once('=').filter(|(name, _)| open.iter().any(|o| o == name));
        let (name, path) = match (named, open.first()) {
            (Some((name, path)), _) => (name.to_string(), PathBuf::from(path)),
            (None, Some(first)) => (first.clone(), file.clone()),
            (None, None) => {
                let words =
                    format!("--data {words}: the recipe has no data slot left for this file");
                return Err(Error::config(words));
            }
        };
        open.retain(|other| *other != name);
        for phase in config.stage.iter_mut().flat_map(|stage| &mut stage.cycle) {
            if slot(&phase.data.path) == Some(&name) {
                phase.data = over(DataConfig { path: path.clone(), ..phase.data.clone() });
            }
        }
    }
    match open.first() {
        None => Ok(()),
        Some(name) => Err(Error::config(format!(
            "the recipe needs the data <{name}>: give --data {name}=FILE"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(files: &[&str]) -> Result<Vec<PathBuf>> {
        let mut config = Recipe::named("rdrop-semi-supervised")?.config()?;
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        fill(&mut config, &files, |data| data)?;
        let phases = config.stage.into_iter().flat_map(|stage| stage.cycle);
        Ok(phases.map(|phase| phase.data.path).collect())
    }

    #[test]
    fn slots_are_filled_in_order_or_by_name() {
        let expected: Vec<PathBuf> = vec!["a.tsv".into(), "b.txt".into()];
        assert_eq!(filled(&["a.tsv", "b.txt"]).unwrap(), expected);
        assert_eq!(filled(&["unlabelled=b.txt", "a.tsv"]).unwrap(), expected);
        let left = filled(&["a.tsv"]).unwrap_err().to_string();
        assert!(left.contains("--data unlabelled=FILE"), "{left}");
        assert!(filled(&["a", "b", "c"]).unwrap_err().to_string().contains("no data slot"));
    }
}
