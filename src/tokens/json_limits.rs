//! How many values a piece of JSON has, counted without keeping any.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Values of any kind, and objects among them.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct JsonCounts {
    pub values: usize,
    pub objects: usize,
}

const ONE: JsonCounts = JsonCounts { values: 1, objects: 0 };

impl JsonCounts {
    fn and(self, other: Self) -> Self {
        Self { values: self.values + other.values, objects: self.objects + other.objects }
    }
}

impl<'de> Deserialize<'de> for JsonCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Counting)
    }
}

struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = JsonCounts;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<JsonCounts, E> {
        Ok(ONE)
    }

    fn visit_bool<E>(self, _: bool) -> Result<JsonCounts, E> {
        Ok(ONE)
    }

    fn visit_i64<E>(self, _: i64) -> Result<JsonCounts, E> {
        Ok(ONE)
    }

    fn visit_u64<E>(self, _: u64) -> Result<JsonCounts, E> {
        Ok(ONE)
    }

    fn visit_f64<E>(self, _: f64) -> Result<JsonCounts, E> {
        Ok(ONE)
    }

    fn visit_str<E>(self, _: &str) -> Result<JsonCounts, E> {
        Ok(ONE)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<JsonCounts, A::Error> {
        let mut all = ONE;
        while let Some(item) = items.next_element::<JsonCounts>()? {
            all = all.and(item);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<JsonCounts, A::Error> {
        let mut all = JsonCounts { values: 1, objects: 1 };
        while let Some((_, field)) = fields.next_entry::<JsonCounts, JsonCounts>()? {
            all = all.and(field);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_objects_are_counted_at_every_depth() {
        let text = r#"{"a": [1, -2, 0.5, "x"], "b": {"c": null, "d": {}}, "e": true}"#;
        let expected = JsonCounts { values: 10, objects: 3 };
        assert_eq!(serde_json::from_str::<JsonCounts>(text).unwrap(), expected);
    }
}
