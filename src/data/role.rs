//! What a column can be, and the names people know it by.

/// The part a column plays in an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A text, and its place among the texts of its shape.
    Text(ExampleShape, usize),
    /// How alike two sentences are.
    Score,
    /// The name of a class.
    Class,
    /// A score or a class: some corpora call either `label`.
    Label,
    /// Which part of the file an example belongs to.
    Subset,
    /// Nothing we use.
    Ignored,
}

/// How the texts of an example belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExampleShape {
    /// One text.
    Single,
    /// Two sentences to compare.
    Pair,
    /// A pair of natural language inference, whose label is a class even where it is a number.
    Inference,
    /// An anchor, its positive, and any number of negatives.
    Group,
}

/// The names of the roles, for a person who used another.
pub(super) const ROLES: &str = "text, sentence1, sentence2, premise, hypothesis, anchor, \
                                positive, negative, score, class, label, subset, _";

impl Role {
    /// The role that a column called `name` has in any case.
    pub fn named(name: &str) -> Option<Self> {
        use ExampleShape::{Group, Inference, Pair, Single};
        Some(match name.to_ascii_lowercase().as_str() {
            "text" | "sentence" => Self::Text(Single, 0),
            "sentence1" | "text1" => Self::Text(Pair, 0),
            "sentence2" | "text2" => Self::Text(Pair, 1),
            "premise" => Self::Text(Inference, 0),
            "hypothesis" => Self::Text(Inference, 1),
            // the second names are those of SimCSE's own training file
            "anchor" | "sent0" => Self::Text(Group, 0),
            "positive" | "sent1" => Self::Text(Group, 1),
            "negative" | "hard_neg" => Self::Text(Group, 2),
            "score" | "similarity_score" => Self::Score,
            "class" => Self::Class,
            "label" => Self::Label,
            "subset" => Self::Subset,
            other => {
                let number = other.strip_prefix("negative_")?.parse::<u16>().ok()?;
                Self::Text(Group, 3 + usize::from(number))
            }
        })
    }

    /// The role asked for by `name`.
    pub fn asked(name: &str) -> Result<Self, String> {
        let role = if name == "_" { Some(Self::Ignored) } else { Self::named(name) };
        role.ok_or_else(|| format!("{name:?} is not a role; expected one of {ROLES}"))
    }
}

impl ExampleShape {
    /// The texts an example of this shape cannot do without.
    pub fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Single => &["text"],
            Self::Pair => &["sentence1", "sentence2"],
            Self::Inference => &["premise", "hypothesis"],
            Self::Group => &["anchor", "positive"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negatives_stand_behind_the_positive_in_the_order_of_their_numbers() {
        let names =
            ["anchor", "positive", "negative", "negative_0", "negative_2", "negative_10"];
        let places = names.map(|name| match Role::named(name) {
            Some(Role::Text(ExampleShape::Group, place)) => place,
            other => panic!("{name} is {other:?}"),
        });
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        assert_eq!(Role::named("negative_x"), None);
        assert_eq!(Role::named("negative_99999"), None);
    }

    #[test]
    fn every_role_told_to_a_person_can_be_asked_for() {
        for name in ROLES.split(", ") {
            assert!(Role::asked(name).is_ok(), "{name}");
        }
        assert_eq!(Role::asked("Sentence1"), Ok(Role::Text(ExampleShape::Pair, 0)));
        assert!(Role::asked("sentence3").unwrap_err().contains("expected one of text, "));
    }
}
