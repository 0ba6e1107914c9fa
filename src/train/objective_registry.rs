//! Objectives of a program's own, under names that run files can use.

use super::objective_names::listed;
use super::objective_term::ObjectiveTerm;
use crate::error::{Error, Result};
use crate::objective::Objective;
use std::fmt;
use std::sync::Arc;

/// Makes an objective from the options of a run file.
type Build = Arc<dyn Fn(&ObjectiveTerm) -> Result<Box<dyn Objective>> + Send + Sync>;

/// An objective that was registered.
#[derive(Clone)]
pub(super) struct RegisteredObjective {
    pub name: String,
    pub options: Vec<String>,
    pub build: Build,
}

/// Objectives of a program's own, named in run files like the built-in ones: with weights, sums
/// and alternation, checkpoints and resume.
///
/// ```
/// use twindrop::objective::{Objective, SimCse};
/// use twindrop::train::{NumberRange, ObjectiveRegistry, RunConfig};
///
/// let mut run: RunConfig = toml::from_str(r#"
///     preset = "tiny"
///     [[stage]]
///     [[stage.cycle]]
///     objective = "0.5*my-contrast:tau=0.1"
///     data = "sentences.txt"
/// "#)?;
/// run.objectives.register("my-contrast", &["tau"], |options| {
///     let temperature = options.number("tau", NumberRange::Positive)?.unwrap_or(0.05);
///     Ok(Box::new(SimCse { temperature, ..SimCse::default() }))
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct ObjectiveRegistry(Vec<RegisteredObjective>);

impl ObjectiveRegistry {
    /// Adds an objective under `name`, in lower case with `-` between words; `options` are the
    /// keys that may follow the name in a run file. `build` is called once for each phase.
    ///
    /// # Errors
    /// Where the name is taken, or holds other than letters, digits and `-`.
    pub fn register(
        &mut self,
        name: &str,
        options: &[&str],
        build: impl Fn(&ObjectiveTerm) -> Result<Box<dyn Objective>> + Send + Sync + 'static,
    ) -> Result<()> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            let message = "expected lower-case letters, digits and `-`";
            return Err(Error::config(format!("objective name `{name}`: {message}")));
        }
        if listed(name).is_some() || self.get(name).is_some() {
            return Err(Error::config(format!("objective name `{name}` is taken")));
        }
        let options = options.iter().map(|option| option.to_string()).collect();
        self.0.push(RegisteredObjective { name: name.into(), options, build: Arc::new(build) });
        Ok(())
    }

    /// The names, in the order of registration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|objective| objective.name.as_str())
    }

    pub(super) fn get(&self, name: &str) -> Option<&RegisteredObjective> {
        self.0.iter().find(|objective| objective.name == name)
    }
}

impl fmt::Debug for ObjectiveRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Registries are equal that have the same names.
impl PartialEq for ObjectiveRegistry {
    fn eq(&self, other: &Self) -> bool {
        self.names().eq(other.names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::CosineMse;

    #[test]
    fn a_name_is_registered_once_and_never_a_built_in_one() {
        let mut registry = ObjectiveRegistry::default();
        let mut register = |name| registry.register(name, &[], |_| Ok(Box::new(CosineMse)));
        assert!(register("own").is_ok());
        for (name, message) in [
            ("own", "objective name `own` is taken"),
            ("infonce", "objective name `infonce` is taken"),
            (
                "My loss",
                "objective name `My loss`: expected lower-case letters, digits and `-`",
            ),
        ] {
            assert_eq!(register(name).unwrap_err().to_string(), message);
        }
    }
}
