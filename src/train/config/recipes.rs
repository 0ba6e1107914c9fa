//! Published recipes as run files, by name. What a person must bring stands in them as a slot,
//! `<nli>`, with a line of comment that says what it is.

use super::RunConfig;
use crate::error::{Error, Result};

const RECIPES: [(&str, &str); 23] = [
    (
        "consert-joint-unsup-base",
        include_str!("../../../eval/recipes/consert-joint-unsup-base.toml"),
    ),
    (
        "consert-sup-joint-base",
        include_str!("../../../eval/recipes/consert-sup-joint-base.toml"),
    ),
    (
        "consert-sup-unsup-base",
        include_str!("../../../eval/recipes/consert-sup-unsup-base.toml"),
    ),
    ("consert-unsup-base", include_str!("../../../eval/recipes/consert-unsup-base.toml")),
    (
        "consert-unsup-base-atec-ccks",
        include_str!("../../../eval/recipes/consert-unsup-base-atec-ccks.toml"),
    ),
    ("consert-unsup-base-bq", include_str!("../../../eval/recipes/consert-unsup-base-bq.toml")),
    (
        "consert-unsup-base-lcqmc",
        include_str!("../../../eval/recipes/consert-unsup-base-lcqmc.toml"),
    ),
    (
        "consert-unsup-base-pawsx",
        include_str!("../../../eval/recipes/consert-unsup-base-pawsx.toml"),
    ),
    (
        "consert-unsup-base-stsb-zh",
        include_str!("../../../eval/recipes/consert-unsup-base-stsb-zh.toml"),
    ),
    ("consert-unsup-large", include_str!("../../../eval/recipes/consert-unsup-large.toml")),
    ("rdrop-cola-base", include_str!("../../../eval/recipes/rdrop-cola-base.toml")),
    ("rdrop-iflytek", include_str!("../../../eval/recipes/rdrop-iflytek.toml")),
    ("rdrop-mnli-base", include_str!("../../../eval/recipes/rdrop-mnli-base.toml")),
    ("rdrop-mrpc-base", include_str!("../../../eval/recipes/rdrop-mrpc-base.toml")),
    ("rdrop-qnli-base", include_str!("../../../eval/recipes/rdrop-qnli-base.toml")),
    ("rdrop-rte-base", include_str!("../../../eval/recipes/rdrop-rte-base.toml")),
    ("rdrop-semi-supervised", include_str!("../../../eval/recipes/rdrop-semi-supervised.toml")),
    ("rdrop-sst2-base", include_str!("../../../eval/recipes/rdrop-sst2-base.toml")),
    ("rdrop-stsb-base", include_str!("../../../eval/recipes/rdrop-stsb-base.toml")),
    ("rdrop-tnews", include_str!("../../../eval/recipes/rdrop-tnews.toml")),
    ("sbert-sup-base", include_str!("../../../eval/recipes/sbert-sup-base.toml")),
    ("simcse-sup-base", include_str!("../../../eval/recipes/simcse-sup-base.toml")),
    ("simcse-unsup-base", include_str!("../../../eval/recipes/simcse-unsup-base.toml")),
];

/// A run file with slots for what only its user knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// What it is called.
    pub name: &'static str,
    /// Its run file.
    pub text: &'static str,
}

impl Recipe {
    /// All of them, by name.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        RECIPES.iter().map(|&(name, text)| Self { name, text })
    }

    /// The recipe called `name`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn named(name: &str) -> Result<Self> {
        Self::all().find(|recipe| recipe.name == name).ok_or_else(|| {
            let message = "`twindrop recipes` lists all recipes";
            Error::config(format!("recipe `{name}` is unknown: {message}"))
        })
    }

    /// The first line of its comment.
    pub fn title(self) -> &'static str {
        self.comments().next().unwrap_or("")
    }

    /// Where it was published, and with which model.
    pub fn source(self) -> &'static str {
        self.comments().find_map(|line| line.strip_prefix("source: ")).unwrap_or("")
    }

    /// Each slot and what belongs there.
    pub fn slots(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let slots = self.comments().filter_map(|line| line.strip_prefix('<'));
        slots.filter_map(|line| line.split_once(">: "))
    }

    fn comments(self) -> impl Iterator<Item = &'static str> {
        self.text.lines().map_while(|line| line.strip_prefix("# "))
    }

    /// The run it is.
    ///
    /// # Errors
    /// None, unless the program was built with a broken recipe.
    pub fn config(self) -> Result<RunConfig> {
        toml::from_str(self.text)
            .map_err(|error| Error::config(format!("recipe {}: {error}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_a_run_file_whose_slots_are_explained() {
        for recipe in Recipe::all() {
            let config = recipe.config().unwrap();
            let phases = config.stage.iter().flat_map(|stage| &stage.cycle);
            let files = phases.map(|phase| &phase.data).chain(&config.dev).chain(&config.test);
            for file in files {
                let path = file.path.to_string_lossy();
                let slot = path.trim_start_matches('<').trim_end_matches('>');
                assert!(
                    path.starts_with('<') && recipe.slots().any(|(name, _)| name == slot),
                    "{}: {path} is no slot that a comment explains",
                    recipe.name
                );
            }
            assert!(
                !recipe.title().is_empty() && !recipe.source().is_empty(),
                "{}",
                recipe.name
            );
            assert!(recipe.text.contains("pooling ="), "{} says its pooling", recipe.name);
        }
    }
}
