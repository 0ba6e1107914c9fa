//! Where models come from and are kept, by the variables Python's `huggingface_hub` reads.

use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether this process wants no bars.
static BARS_DISABLED: AtomicBool = AtomicBool::new(false);

/// From now on, [`HubSettings::from_env`] asks for no bars, as `disable_progress_bars` of
/// `huggingface_hub` does.
pub fn disable_progress_bars() {
    BARS_DISABLED.store(true, Ordering::Relaxed);
}

/// Where models come from, and where they are kept.
#[derive(Clone)]
pub struct HubSettings {
    /// `HF_ENDPOINT`: the hub or a mirror of it, without a slash at the end.
    pub endpoint: String,
    /// `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, or `hub` under `HF_HOME`.
    pub cache: PathBuf,
    /// `HF_TOKEN`, or what `hf auth login` left in the file `token` under `HF_HOME`.
    pub token: Option<String>,
    /// `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`: use the cache only.
    pub offline: bool,
    /// Draw a bar on standard error for each file: where that is a terminal, unless
    /// `HF_HUB_DISABLE_PROGRESS_BARS` or [`disable_progress_bars`] says not to.
    pub progress: bool,
    /// How long to wait before a busy hub is asked a second time. A second.
    pub patience: Duration,
    /// `HF_HUB_DOWNLOAD_TIMEOUT`, in seconds: how long to wait for a connection, for a response
    /// and for more of a file. 10 seconds.
    pub timeout: Duration,
}

impl HubSettings {
    /// What the environment says, with the defaults of Python's `huggingface_hub`.
    pub fn from_env() -> Self {
        // without a home directory the cache stands where the program was started
        let home = std::env::home_dir().unwrap_or_default();
        let settings = Self::from_variables(&home, |name| std::env::var(name).ok());
        let wanted = settings.progress && !BARS_DISABLED.load(Ordering::Relaxed);
        Self { progress: wanted && std::io::stderr().is_terminal(), ..settings }
    }

    fn from_variables(home: &Path, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        let caches = path("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache"));
        let hf_home = path("HF_HOME").unwrap_or_else(|| caches.join("huggingface"));
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into());
        let token =
            set("HF_TOKEN").or_else(|| std::fs::read_to_string(hf_home.join("token")).ok());
        let timeout =
            set("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|value| value.trim().parse().ok());
        let timeout = timeout.filter(|seconds| (1..=24 * 3600).contains(seconds));
        let yes = |value: String| matches!(&*value.to_lowercase(), "1" | "true" | "yes" | "on");
        Self {
            endpoint: endpoint.trim_end_matches('/').to_string(),
            cache: cache.unwrap_or_else(|| hf_home.join("hub")),
            token: token.map(|t| t.trim().to_string()).filter(|t| !t.is_empty()),
            offline: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]
                .iter()
                .any(|name| set(name).is_some_and(yes)),
            progress: !set("HF_HUB_DISABLE_PROGRESS_BARS").is_some_and(yes),
            patience: Duration::from_secs(1),
            timeout: Duration::from_secs(timeout.unwrap_or(10)),
        }
    }
}

/// Says whether there is a token, never which.
impl fmt::Debug for HubSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSettings")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("offline", &self.offline)
            .field("progress", &self.progress)
            .field("patience", &self.patience)
            .field("timeout", &self.timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        HubSettings::from_variables(Path::new("/home/me"), |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn an_empty_environment_gives_the_defaults() {
        for variables in [vec![], vec![("HF_HOME", ""), ("HF_TOKEN", " "), ("HF_ENDPOINT", "")]]
        {
            let settings = settings(&variables);
            assert_eq!(settings.endpoint, "https://huggingface.co");
            assert_eq!(settings.cache, Path::new("/home/me/.cache/huggingface/hub"));
            assert_eq!(settings.token, None);
            assert!(!settings.offline);
        }
    }

    #[test]
    fn the_nearest_variable_names_the_cache() {
        let mut variables = vec![("XDG_CACHE_HOME", "/xdg")];
        let cache = |variables: &[_]| settings(variables).cache;
        assert_eq!(cache(&variables), Path::new("/xdg/huggingface/hub"));
        variables.push(("HF_HOME", "/hf"));
        assert_eq!(cache(&variables), Path::new("/hf/hub"));
        variables.push(("HUGGINGFACE_HUB_CACHE", "/older"));
        assert_eq!(cache(&variables), Path::new("/older"));
        variables.push(("HF_HUB_CACHE", "/cache"));
        assert_eq!(cache(&variables), Path::new("/cache"));
    }

    #[test]
    fn both_offline_switches_work_and_only_yes_means_yes() {
        for name in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"] {
            for yes in ["1", "true", "TRUE", "Yes", "on"] {
                assert!(settings(&[(name, yes)]).offline, "{name}={yes}");
            }
            for no in ["0", "false", "", "off"] {
                assert!(!settings(&[(name, no)]).offline, "{name}={no}");
            }
        }
    }

    #[test]
    fn a_bar_can_be_forbidden() {
        assert!(settings(&[]).progress);
        assert!(!settings(&[("HF_HUB_DISABLE_PROGRESS_BARS", "1")]).progress);
    }

    #[test]
    fn a_timeout_is_a_number_of_seconds() {
        let timeout = |value| settings(&[("HF_HUB_DOWNLOAD_TIMEOUT", value)]).timeout.as_secs();
        assert_eq!((timeout("30"), timeout(""), timeout("0"), timeout("x")), (30, 10, 10, 10));
    }

    #[test]
    fn an_endpoint_loses_its_last_slash() {
        assert_eq!(settings(&[("HF_ENDPOINT", "http://mirror/")]).endpoint, "http://mirror");
    }

    #[test]
    fn a_token_comes_from_the_variable_then_the_file_and_is_never_shown() {
        let home = tempfile::tempdir().expect("a place for files");
        std::fs::write(home.path().join("token"), "from-file\n").expect("a file");
        let hf_home = ("HF_HOME", home.path().to_str().expect("a plain name"));
        let from_file = settings(&[hf_home]);
        assert_eq!(from_file.token.as_deref(), Some("from-file"));
        assert!(!format!("{from_file:?}").contains("from-file"));
        let from_variable = settings(&[hf_home, ("HF_TOKEN", "from-variable")]);
        assert_eq!(from_variable.token.as_deref(), Some("from-variable"));
    }
}
