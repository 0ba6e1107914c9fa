//! Classes: name → number, the same whatever order the names come in.

use std::collections::HashMap;

use crate::error::{self, Error, Result};

/// Class names, numbered as they occur unless they were given.
#[derive(Debug, Default)]
pub(in crate::data) struct Classes {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    given: bool,
}

impl Classes {
    /// The classes `given`, or else whichever come.
    pub fn new(given: Option<&[String]>) -> Result<Self> {
        let names = given.unwrap_or_default().to_vec();
        let numbers: HashMap<String, u32> = names.iter().cloned().zip(0..).collect();
        if numbers.len() != names.len() {
            let names = names.join(", ");
            return Err(Error::config(format!("classes {names}: duplicate name")));
        }
        Ok(Self { names, numbers, given: given.is_some() })
    }

    /// The number of a class for now; or why it can have none.
    pub fn read(&mut self, name: &str) -> Result<u32, String> {
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        if self.given {
            let names = self.names.join(", ");
            return Err(format!("unknown label {}: expected one of {names}", quoted(name)));
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_string());
        self.numbers.insert(name.to_string(), number);
        Ok(number)
    }

    /// Whether `name` is one of the classes given.
    pub fn is_given(&self, name: &str) -> bool {
        self.given && self.numbers.contains_key(name)
    }

    /// The names in their final order, and the place of each number in it.
    pub fn settle(self) -> (Vec<String>, Vec<u32>) {
        let Self { mut names, numbers, given } = self;
        if !given {
            names.sort();
            if names.iter().all(|name| name.parse::<i64>().is_ok()) {
                names.sort_by_key(|name| name.parse::<i64>().ok());
            }
        }
        let mut places = vec![0; names.len()];
        for (place, name) in (0..).zip(&names) {
            places[numbers[name] as usize] = place;
        }
        (names, places)
    }
}

/// A cell as an error quotes it.
pub(in crate::data) fn quoted(cell: &str) -> String {
    format!("\"{}\"", error::excerpt(cell, 40))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(given: &[&str], cells: &[&str]) -> Result<(String, Vec<u32>), String> {
        let given: Vec<String> = given.iter().map(|name| name.to_string()).collect();
        let mut classes = Classes::new((!given.is_empty()).then_some(&given)).unwrap();
        let numbers = cells.iter().map(|cell| classes.read(cell));
        let numbers: Vec<u32> = numbers.collect::<Result<_, _>>()?;
        let (names, places) = classes.settle();
        let numbers = numbers.iter().map(|&number| places[number as usize]).collect();
        Ok((names.join(" "), numbers))
    }

    #[test]
    fn classes_are_numbered_alike_whatever_comes_first() {
        let names = "contradiction entailment neutral";
        let one = classes(&[], &["neutral", "contradiction", "entailment", "neutral"]);
        assert_eq!(one, Ok((names.into(), vec![2, 0, 1, 2])));
        let other = classes(&[], &["entailment", "neutral", "contradiction"]);
        assert_eq!(other, Ok((names.into(), vec![1, 2, 0])));
    }

    #[test]
    fn classes_that_are_numbers_are_sorted_as_numbers() {
        let sorted = classes(&[], &["116", "20", "3"]);
        assert_eq!(sorted, Ok(("3 20 116".into(), vec![2, 1, 0])));
    }

    #[test]
    fn given_classes_keep_their_order_and_admit_no_other() {
        let given = ["no", "yes", "maybe"];
        assert_eq!(classes(&given, &["yes", "no"]), Ok(("no yes maybe".into(), vec![1, 0])));
        let error = classes(&given, &["yes", "never"]).unwrap_err();
        assert_eq!(error, "unknown label \"never\": expected one of no, yes, maybe");
        assert!(Classes::new(Some(&["a".into(), "a".into()])).is_err());
    }
}
