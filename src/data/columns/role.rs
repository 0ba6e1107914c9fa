//! The roles of columns and their usual names.

/// The part a column plays in an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Role {
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
pub(in crate::data) enum ExampleShape {
    /// One text.
    Single,
    /// Two sentences to compare.
    Pair,
    /// A pair of natural language inference, whose label is a class even where it is a number.
    Inference,
    /// An anchor, its positive, and any number of negatives.
    Group,
}

/// The names of the roles, for error messages.
pub(in crate::data) const ROLES: &str = "text, sentence1, sentence2, premise, hypothesis, anchor, \
                                positive, negative, score, class, label, subset, _";

/// What a column is by its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum KnownName {
    /// The role it has whatever the other columns are.
    Role(Role),
    /// A query or question: an anchor beside a document, else a text.
    Query,
    /// A document, answer or review: a positive beside a query, else a text.
    Document,
    /// The name of a row, or a title.
    Id,
}

/// A name as names are compared: `Sentence_A` and `sentence a` are `sentencea`.
pub(in crate::data) fn plain_name(name: &str) -> String {
    let letters = name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}

impl KnownName {
    /// What a column called `name` is, if people use that name.
    pub fn of(name: &str) -> Option<Self> {
        Some(match plain_name(name).as_str() {
            "query" | "queries" | "question" => Self::Query,
            "document" | "doc" | "passage" | "answer" | "content" | "contents" | "review"
            | "comment" => Self::Document,
            "id" | "idx" | "guid" | "qid" | "pid" | "docid" | "docno" | "queryid"
            | "corpusid" | "passageid" | "pairid" | "title" => Self::Id,
            _ => Self::Role(Role::named(name)?),
        })
    }
}

impl Role {
    /// The role that a column called `name` has in any case.
    pub fn named(name: &str) -> Option<Self> {
        use ExampleShape::{Group, Inference, Pair, Single};
        Some(match plain_name(name).as_str() {
            "text" | "sentence" => Self::Text(Single, 0),
            "sentence1" | "text1" | "sentencea" | "texta" | "question1" => Self::Text(Pair, 0),
            "sentence2" | "text2" | "sentenceb" | "textb" | "question2" => Self::Text(Pair, 1),
            "premise" => Self::Text(Inference, 0),
            "hypothesis" => Self::Text(Inference, 1),
            // `sent0` and the like are those of SimCSE's own training file
            "anchor" | "sent0" => Self::Text(Group, 0),
            "positive" | "pos" | "sent1" => Self::Text(Group, 1),
            "negative" | "neg" | "hardneg" | "hardnegative" => Self::Text(Group, 2),
            "score" | "similarityscore" | "similarity" | "relatednessscore" | "goldscore" => {
                Self::Score
            }
            "class" => Self::Class,
            "label" | "goldlabel" | "isduplicate" => Self::Label,
            "subset" => Self::Subset,
            other => {
                let number = other.strip_prefix("negative").or(other.strip_prefix("neg"))?;
                let number = number.parse::<u16>().ok()?;
                Self::Text(Group, 3 + usize::from(number))
            }
        })
    }

    /// The role asked for by `name`.
    pub fn asked(name: &str) -> Result<Self, String> {
        let role = if name == "_" { Some(Self::Ignored) } else { Self::named(name) };
        role.ok_or_else(|| format!("{name:?} is not a role; expected one of {ROLES}"))
    }

    /// The name a text is asked for by, where it has one of its own.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Text(shape, place) => shape.needs().get(place).copied(),
            _ => None,
        }
    }

    /// The shape of the examples it is a text of.
    pub fn shape(self) -> Option<ExampleShape> {
        match self {
            Self::Text(shape, _) => Some(shape),
            _ => None,
        }
    }

    /// Whether it is a label of any kind.
    pub fn is_label(self) -> bool {
        matches!(self, Self::Score | Self::Class | Self::Label)
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
    fn names_that_people_use_are_known_whatever_their_case_spaces_and_underscores() {
        use ExampleShape::Pair;
        let role = |name| Role::named(name).unwrap();
        for (name, other) in [("sentence_A", "sentence1"), ("Sentence 2", "sentence2")] {
            assert_eq!(role(name), role(other));
        }
        assert_eq!(role("question1"), Role::Text(Pair, 0));
        assert_eq!(role("Similarity_Score"), Role::Score);
        assert_eq!(role("relatedness_score"), Role::Score);
        assert_eq!(role("is_duplicate"), Role::Label);
        assert_eq!((role("pos"), role("neg")), (role("positive"), role("negative")));
        for (name, known) in [
            ("query", KnownName::Query),
            ("Question", KnownName::Query),
            ("passage", KnownName::Document),
            ("answer", KnownName::Document),
            ("review", KnownName::Document),
            ("docno", KnownName::Id),
            ("_id", KnownName::Id),
        ] {
            assert_eq!(KnownName::of(name), Some(known), "{name}");
        }
        assert_eq!(KnownName::of("rating"), None);
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
