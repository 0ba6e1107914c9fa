//! What is known of the keys of one file.

/// A key that is supported at some values only.
pub(in crate::sentence_encoder) struct Refused {
    pub key: &'static str,
    /// The supported values, as JSON.
    pub except: &'static [&'static str],
    /// Why no other is.
    pub why: &'static str,
}

/// What is known of the keys of one file.
#[derive(Default)]
pub(in crate::sentence_encoder) struct Rules {
    /// Keys that decide what is computed, and are read.
    pub honoured: &'static [&'static str],
    /// Keys that are not read, by the reason why they change no embedding.
    pub harmless: &'static [(&'static str, &'static [&'static str])],
    /// Keys that would change embeddings in a way that is not supported.
    pub refused: &'static [Refused],
}

/// Short for a table's line.
pub(in crate::sentence_encoder) const fn refused(
    key: &'static str,
    except: &'static [&'static str],
    why: &'static str,
) -> Refused {
    Refused { key, except, why }
}

impl Rules {
    pub fn knows(&self, key: &str) -> bool {
        self.honoured.contains(&key)
            || self.harmless.iter().any(|(_, keys)| keys.contains(&key))
            || self.refused.iter().any(|one| one.key == key)
    }
}
