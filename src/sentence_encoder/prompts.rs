//! What a model wants to read before a text: the prompts of `config_sentence_transformers.json`.

use crate::error::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Prompts by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompts {
    named: Map<String, Value>,
    default: Option<String>,
    /// Whether the tokens of a prompt are pooled like any other.
    pub(super) pooled: bool,
}

impl Default for Prompts {
    fn default() -> Self {
        Self { named: Map::new(), default: None, pooled: true }
    }
}

impl Prompts {
    /// Those in the JSON of `config_sentence_transformers.json`, or none.
    pub(super) fn of(path: &Path, config: &Value, pooled: bool) -> Result<Self> {
        let mut named = config["prompts"].as_object().cloned().unwrap_or_default();
        named.values_mut().filter(|prompt| prompt.is_null()).for_each(|p| *p = "".into());
        if let Some((name, _)) = named.iter().find(|(_, prompt)| !prompt.is_string()) {
            return Err(Error::model(path, format!("prompt {name} is not a string")));
        }
        let default = config["default_prompt_name"].as_str().map(String::from);
        let prompts = Self { named, default, pooled };
        if let Some(name) = &prompts.default {
            prompts.named(name).map_err(|error| Error::model(path, error))?;
        }
        Ok(prompts)
    }

    /// The prompt called `name`.
    ///
    /// # Errors
    /// Where the model has none of that name.
    pub fn named(&self, name: &str) -> Result<&str> {
        self.named.get(name).and_then(Value::as_str).ok_or_else(|| {
            let names: Vec<&str> = self.names().collect();
            let known = if names.is_empty() { "none".into() } else { names.join(", ") };
            Error::config(format!("the model has no prompt {name:?}; it has {known}"))
        })
    }

    /// The prompt put before a text where no other is asked for.
    pub fn default_prompt(&self) -> Option<&str> {
        self.named.get(self.default.as_deref()?)?.as_str()
    }

    /// The prompt for search queries, as sentence-transformers names it.
    pub fn query(&self) -> Option<&str> {
        self.first(&["query"])
    }

    /// The prompt for documents, under the first of sentence-transformers' names that it has.
    pub fn document(&self) -> Option<&str> {
        self.first(&["document", "passage", "corpus"])
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.named.get(*name)?.as_str())
    }

    /// What they are called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// Writes them into the JSON of `config_sentence_transformers.json`.
    pub(super) fn write(&self, config: &mut Value) {
        config["prompts"] = self.named.clone().into();
        config["default_prompt_name"] = json!(self.default);
    }
}
