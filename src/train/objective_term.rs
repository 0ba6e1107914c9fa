//! One term of an objective as a run file has it: `[weight*]name[:key[=value],…]`.

use crate::error::{Error, Result};

/// The range of a number among the options.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumberRange {
    /// More than 0.
    Positive,
    /// 0 or more.
    NotNegative,
    /// 0 to 1.
    Share,
    /// Anywhere.
    Finite,
}

impl NumberRange {
    /// `value` where it lies within, or why not.
    pub(super) fn check(self, what: &str, value: f64) -> Result<f64> {
        let (within, expected) = match self {
            Self::Positive => (value > 0., "more than 0"),
            Self::NotNegative => (value >= 0., "0 or more"),
            Self::Share => ((0. ..=1.).contains(&value), "0 to 1"),
            Self::Finite => (true, "a finite number"),
        };
        if within && value.is_finite() {
            return Ok(value);
        }
        let expected = if value.is_infinite() { "a finite number" } else { expected };
        Err(Error::config(format!("{what} {value}: expected {expected}")))
    }
}

/// A weight, a name and options: `0.15*consert:temperature=0.1`.
#[derive(Debug, PartialEq)]
pub struct ObjectiveTerm<'a> {
    text: &'a str,
    /// w of `w·L`. 1.
    pub weight: f64,
    /// The weight at the end of the run, of a range such as `0..0.15`.
    pub ends_at: Option<f64>,
    /// The name in lower case, its words joined by `-`.
    pub name: String,
    options: Vec<(String, Option<&'a str>)>,
}

fn spelled(word: &str) -> String {
    word.trim().to_lowercase().replace('_', "-")
}

impl<'a> ObjectiveTerm<'a> {
    /// The term of a text.
    ///
    /// # Errors
    /// Where a weight is not a number, or an option is given twice.
    pub fn parse(text: &'a str) -> Result<Self> {
        let text = text.trim();
        let (head, tail) =
            text.split_once(':').map_or((text, None), |(head, tail)| (head, Some(tail)));
        let (weights, name) = head.split_once('*').unwrap_or(("1", head));
        let (weight, end) =
            weights.split_once("..").map_or((weights, None), |(a, b)| (a, Some(b)));
        let number = |text: &str| text.trim().parse().ok().filter(|x: &f64| x.is_finite());
        let (Some(weight), Some(ends_at)) =
            (number(weight), end.map(number).map_or(Some(None), |end| end.map(Some)))
        else {
            let message = "use a weight and a name, 0.15*consert or 0..0.15*consert";
            return Err(Error::config(format!("objective `{text}`: {message}")));
        };
        let options = tail.into_iter().flat_map(|tail| tail.split(','));
        let options = options.map(|option| match option.split_once('=') {
            Some((key, value)) => (spelled(key), Some(value.trim())),
            None => (spelled(option), None),
        });
        let part =
            Self { text, weight, ends_at, name: spelled(name), options: options.collect() };
        let keys = || part.options.iter().map(|(key, _)| key);
        match keys().enumerate().find(|&(at, key)| keys().take(at).any(|other| other == key)) {
            Some((_, key)) => Err(part.wrong(&format!("{key} is given twice"))),
            None => Ok(part),
        }
    }

    /// An error about this term.
    pub fn wrong(&self, message: &str) -> Error {
        Error::config(format!("objective `{}`: {message}", self.text))
    }

    /// Refuses a key that is none of `known`.
    ///
    /// # Errors
    /// In words that list `known`.
    pub fn expect(&self, name: &str, known: &[&str]) -> Result<()> {
        match self.options.iter().find(|(key, _)| !known.contains(&&**key)) {
            None => Ok(()),
            Some((key, _)) => {
                let known = known.join(", ");
                Err(self.wrong(&format!("option `{key}` is unknown; {name} has {known}")))
            }
        }
    }

    /// The value of `key`: absent, without one, or as typed.
    fn value(&self, key: &str) -> Option<Option<&'a str>> {
        self.options.iter().find(|(known, _)| known == key).map(|(_, value)| *value)
    }

    /// The number of `key`, if it is given.
    ///
    /// # Errors
    /// Where it is no number, or out of range.
    pub fn number(&self, key: &str, range: NumberRange) -> Result<Option<f64>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let Some(number) = value.and_then(|value| value.parse().ok()) else {
            let typed = value.unwrap_or("nothing");
            return Err(self.wrong(&format!("{key} is `{typed}`, expected a number")));
        };
        range.check(key, number).map(Some).map_err(|error| self.wrong(&error.to_string()))
    }

    /// The numbers that `key` is, joined by `/`, if it is given.
    pub fn numbers<T: std::str::FromStr>(&self, key: &str) -> Result<Option<Vec<T>>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let typed = value.unwrap_or("nothing");
        let numbers = typed.split('/').map(|number| number.trim().parse().ok());
        numbers.collect::<Option<_>>().map(Some).ok_or_else(|| {
            self.wrong(&format!("{key} is `{typed}`, expected numbers as in 256/128/64"))
        })
    }

    /// Whether `key` is given, or what it says of itself.
    pub fn flag(&self, key: &str) -> Result<bool> {
        match self.value(key) {
            None | Some(Some("false")) => Ok(false),
            Some(None | Some("true")) => Ok(true),
            Some(Some(value)) => {
                Err(self.wrong(&format!("{key} is `{value}`, expected true or false")))
            }
        }
    }

    /// What `key` stands for among `choices`, if it is given.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let typed = value.unwrap_or("nothing");
        match choices.iter().find(|(word, _)| *word == spelled(typed)) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let names: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                let names = names.join(", ");
                Err(self.wrong(&format!("{key} is `{typed}`, expected one of {names}")))
            }
        }
    }
}
