//! HTTP requests to the hub: time-outs, redirects, credentials, retries.

use super::failure::Failure;
use super::settings::HubSettings;
use std::io::ErrorKind;
use std::time::Duration;
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};
use url::Url;

/// Redirects followed for one file.
const MAX_REDIRECTS: u32 = 10;
/// How often a request is sent at most, and the longest wait between two.
const TRIES: u32 = 5;
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// A connection to one hub.
pub(super) struct Client {
    agent: Agent,
    endpoint: Url,
    token: Option<String>,
    patience: Duration,
}

/// Where a chain of redirects has led.
#[derive(Debug, Clone)]
pub(super) struct Route {
    url: Url,
    /// Whether it never left the endpoint's scheme, host and port: only then is the token sent.
    pub at_endpoint: bool,
    redirects: u32,
}

impl Client {
    /// # Errors
    /// Where the endpoint is no URL.
    pub fn new(settings: &HubSettings) -> Result<Self, Failure> {
        let shown = format!("`{}` is not an http or https URL", settings.endpoint);
        let endpoint = Url::parse(&settings.endpoint).ok().filter(is_http);
        let wait = Some(settings.timeout);
        let config = Agent::config_builder()
            .user_agent(concat!("twindrop/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .http_status_as_error(false)
            // redirects are followed here, because the token must not follow all of them
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(wait)
            .timeout_connect(wait)
            .timeout_send_request(wait)
            .timeout_recv_response(wait)
            .timeout_per_read(wait)
            .timeout_per_write(wait)
            .build();
        Ok(Self {
            agent: config.into(),
            endpoint: endpoint.ok_or(Failure::Unexpected(shown))?,
            token: settings.token.clone(),
            patience: settings.patience,
        })
    }

    /// The start of a chain of requests: a path below the endpoint, part by part, each escaped.
    pub fn route<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Route {
        let mut url = self.endpoint.clone();
        // http and https URLs always have a path
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        Route { url, at_endpoint: true, redirects: 0 }
    }

    /// The headers of what stands at `route`, without the body.
    ///
    /// # Errors
    /// Where no response comes.
    pub fn head(&self, route: &Route) -> Result<Response<Body>, Failure> {
        self.send(self.agent.head(route.url.as_str()), route)
    }

    /// What stands at the end of `route` after its redirects, from byte `start` where the server
    /// can do that.
    ///
    /// # Errors
    /// Where no response comes, or one of status 400 and above.
    pub fn get(&self, mut route: Route, start: u64) -> Result<Response<Body>, Failure> {
        loop {
            let mut request = self.agent.get(route.url.as_str());
            if start > 0 {
                request = request.header("range", format!("bytes={start}-"));
            }
            let response = self.send(request, &route)?;
            match self.redirect(&route, &response)? {
                Some(next) => route = next,
                None => return Ok(response),
            }
        }
    }

    fn send(
        &self,
        mut request: ureq::RequestBuilder<ureq::typestate::WithoutBody>,
        route: &Route,
    ) -> Result<Response<Body>, Failure> {
        if let Some(token) = self.token.as_ref().filter(|_| route.at_endpoint) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.call().map_err(failure)
    }

    /// Where a response redirects to; none where it is final.
    ///
    /// # Errors
    /// Where it is a refusal, or a redirect that cannot be followed.
    pub fn redirect(
        &self,
        route: &Route,
        response: &Response<Body>,
    ) -> Result<Option<Route>, Failure> {
        let code = response.status().as_u16();
        match code {
            200..=299 => return Ok(None),
            301 | 302 | 303 | 307 | 308 => {}
            400.. => {
                let retry_after = retry_after(response.headers());
                return Err(Failure::Status { code, retry_after });
            }
            _ => return Err(Failure::unexpected(format!("HTTP status {code}"))),
        }
        let location = text(response.headers(), "location").ok_or_else(|| {
            Failure::unexpected(format!("HTTP status {code} without Location"))
        })?;
        if route.redirects == MAX_REDIRECTS {
            let message = format!("more than {MAX_REDIRECTS} redirects");
            return Err(Failure::Unexpected(message));
        }
        let url = route.url.join(location).ok().filter(is_http);
        let url = url.ok_or_else(|| Failure::unexpected("redirect to no http or https URL"))?;
        let at_endpoint = route.at_endpoint && url.origin() == self.endpoint.origin();
        Ok(Some(Route { url, at_endpoint, redirects: route.redirects + 1 }))
    }

    /// Runs `attempt`, and again while that may help: a busy or failing server and a broken
    /// connection are tried [`TRIES`] times, after waits that double or that the server names.
    ///
    /// # Errors
    /// The last failure.
    pub fn retry<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut backoff = self.patience;
        for _ in 1..TRIES {
            match attempt() {
                Err(failure) => match failure.pause(backoff) {
                    Some(pause) => std::thread::sleep(pause),
                    None => return Err(failure),
                },
                done => return done,
            }
            backoff = (2 * backoff).min(MAX_BACKOFF);
        }
        attempt()
    }
}

fn is_http(url: &Url) -> bool {
    ["http", "https"].contains(&url.scheme()) && url.has_host()
}

/// A header that is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Seconds; the other form, a date, counts as not given.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    text(headers, "retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

fn is_interruption(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    [BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof].contains(&kind)
}

/// What an error of the HTTP library means.
fn failure(error: ureq::Error) -> Failure {
    match error {
        // a name that is not resolved or a network that is down will not change in a minute
        ureq::Error::Io(error) if is_interruption(error.kind()) => {
            Failure::Interrupted(error.to_string())
        }
        ureq::Error::Io(error) => Failure::Unreachable(error.to_string()),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Failure::Unreachable("timeout".into())
        }
        ureq::Error::Timeout(_) => Failure::Interrupted("timeout".into()),
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
            Failure::Unreachable(error.to_string())
        }
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            Failure::Unexpected(error.to_string())
        }
        // a name or value that cannot be a header may be the token: it is not repeated
        ureq::Error::Http(_) => Failure::unexpected("a token or URL that HTTP does not allow"),
        error => Failure::Unreachable(error.to_string()),
    }
}
