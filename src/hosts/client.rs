//! JSON over HTTP to one host: a token that goes to one origin, waits that are bounded, and no write sent twice by itself.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::HostName;
use crate::providers::http::{
    Answer, Listener, NotAnswered, Pace, Patience, Transport, Wait, excerpt, require_tls, without, without_value,
};
use crate::state::{Failure, FailureKind, Result};

/// How the host is talked to.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The client.
    pub transport: Transport,
    /// How long and how often it is tried.
    pub pace: Pace,
    /// Whom to tell of waits that the host asks for.
    pub on_wait: Listener<Wait>,
}

/// What GitHub asks for where its refusal names no time.
const SECONDARY: Duration = Duration::from_secs(60);

/// So few digits of base64 are like any other word.
const SHORTEST: usize = 8;

/// The most pages of a list: with a hundred entries on each, more than anybody wrote.
pub(super) const MOST_PAGES: usize = 1000;

/// A client of one host.
#[derive(Debug)]
pub(super) struct Client {
    host: HostName,
    api: Url,
    headers: HeaderMap,
    token: SecretString,
    connection: Connection,
}

/// An answer with success.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// An answer without.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// What the host says, on one line and without our token.
    pub(super) words: String,
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Problem {
    /// The host says no.
    Refused(Refusal),
    /// It was sent and may have been done.
    Unknown(Failure),
    /// It was not done.
    Failed(Failure),
}

/// Whether a request may be sent again when nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Twice is as good as once.
    Harmless,
    /// Twice makes two.
    Doubles,
}

impl Client {
    /// A client that sends these headers, the one that holds the token among them.
    pub(super) fn new(
        host: HostName,
        api: &Url,
        token: &SecretString,
        authorization: (HeaderName, String),
        headers: &[(&'static str, &'static str)],
        connection: &Connection,
    ) -> Result<Self> {
        require_tls(api)?;
        let unfit = || {
            Failure::new(FailureKind::Unauthenticated, format!("the token for {host} holds characters that none has"))
                .with_next("see whether something else, or a line break, got into the variable")
        };
        let mut value = HeaderValue::from_str(&authorization.1).map_err(|_| unfit())?;
        value.set_sensitive(true);
        let mut all = HeaderMap::from_iter([(authorization.0, value)]);
        for (name, value) in headers {
            all.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Ok(Self { host, api: api.clone(), headers: all, token: token.clone(), connection: connection.clone() })
    }

    /// The address of something below the API, each piece of its path as it is, whatever is in it.
    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url> {
        let mut url = self.api.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::new(FailureKind::Refused, format!("the API of {} has no address", self.host)))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// The address that an answer gives for what follows. The token goes nowhere else than to the API.
    ///
    /// # Errors
    /// When it is at another origin.
    pub(super) fn followed(&self, address: &str) -> Result<Url> {
        let url = self.api.join(address).ok().filter(|url| url.origin() == self.api.origin());
        url.ok_or_else(|| {
            let shown =
                Url::parse(address).map_or_else(|_| "nowhere".to_owned(), |url| url.origin().ascii_serialization());
            Failure::new(
                FailureKind::Refused,
                format!("{} continues its list at {shown}, where our token may not go", self.origin()),
            )
            .with_next("check the address of the API, and whether a proxy stands in between that rewrites addresses")
        })
    }

    fn origin(&self) -> String {
        self.api.origin().ascii_serialization()
    }

    /// Reads.
    pub(super) async fn get(&self, url: Url) -> std::result::Result<Reply, Problem> {
        self.send(Method::GET, url, None, Repeat::Harmless).await
    }

    /// Sends until there is an answer that is neither throttling nor, for what may be repeated, a passing error.
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> std::result::Result<Reply, Problem> {
        let mut patience = Patience::new(self.connection.pace);
        loop {
            let request = self.request(method.clone(), url.clone(), body).map_err(Problem::Failed)?;
            let answer = match self.connection.transport.send(request).await {
                Ok(answer) => answer,
                Err(NotAnswered::Unknown(failure) | NotAnswered::Unusable(failure)) if repeat == Repeat::Doubles => {
                    return Err(Problem::Unknown(failure));
                }
                Err(NotAnswered::Refused(failure) | NotAnswered::Unusable(failure)) => {
                    return Err(Problem::Failed(failure));
                }
                Err(NotAnswered::NotSent(failure) | NotAnswered::Unknown(failure)) => {
                    let wait = patience.after_failure(None).ok_or(Problem::Failed(failure))?;
                    tokio::time::sleep(wait).await;
                    continue;
                }
            };
            let status = answer.status.as_u16();
            if answer.status.is_success() {
                return self.reply(answer, repeat);
            }
            let words = self.words(&answer);
            if let Some(asked) = throttled(status, &answer, &words, self.connection.transport.now()) {
                let wait = patience.after_throttling(asked.wait);
                if !patience.allows(wait) {
                    return Err(Problem::Failed(
                        Failure::new(
                            FailureKind::Unavailable,
                            format!("{} asks to wait {} s more ({status}: {words})", self.host, wait.as_secs().max(1)),
                        )
                        .with_next("run it again later; fewer jobs at the same time ask for less"),
                    ));
                }
                self.connection.on_wait.hears(patience.wait(wait));
                tokio::time::sleep(wait).await;
            } else if status >= 500 {
                let failure =
                    Failure::new(FailureKind::Unavailable, format!("{} answered {status}: {words}", self.host))
                        .with_next("run it again in a little while");
                if repeat == Repeat::Doubles {
                    return Err(Problem::Unknown(failure));
                }
                let wait = patience.after_failure(answer.retry_after).ok_or(Problem::Failed(failure))?;
                tokio::time::sleep(wait).await;
            } else {
                return Err(Problem::Refused(Refusal { status, words }));
            }
        }
    }

    fn request(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Request> {
        if url.origin() != self.api.origin() {
            return Err(Failure::new(FailureKind::Refused, "an address outside the API was to get our token"));
        }
        let mut request = Request::new(method, url);
        request.headers_mut().extend(self.headers.clone());
        if let Some(body) = body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(request)
    }

    fn reply(&self, answer: Answer, repeat: Repeat) -> std::result::Result<Reply, Problem> {
        if answer.status.as_u16() == 203 {
            return Err(Problem::Refused(Refusal { status: 401, words: "it shows its page to sign in".to_owned() }));
        }
        if answer.body.is_empty() {
            return Ok(Reply { headers: answer.headers, body: Value::Null });
        }
        match serde_json::from_slice(&answer.body) {
            Ok(body) => Ok(Reply { headers: answer.headers, body }),
            Err(error) => {
                let failure = self.unreadable(&without_value(&error));
                Err(if repeat == Repeat::Doubles { Problem::Unknown(failure) } else { Problem::Failed(failure) })
            }
        }
    }

    /// An answer that is not one of the host's.
    pub(super) fn unreadable(&self, why: &str) -> Failure {
        Failure::new(
            FailureKind::BadAnswer,
            format!("{} gave an answer that is none of {}'s: {why}", self.origin(), self.host),
        )
        .with_next("check the address of the API, and whether a proxy or sign-in page stands in between")
    }

    /// The id of a commit, as it stands in an answer.
    pub(super) fn commit(&self, value: &Value) -> Result<String> {
        let is_commit = |id: &&str| id.len() >= 7 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = value.as_str().filter(is_commit).map(str::to_owned);
        id.ok_or_else(|| self.unreadable("it does not say at which commit the pull request is"))
    }

    /// What the host says, fit for a message.
    fn words(&self, answer: &Answer) -> String {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let mut said: Vec<String> = Vec::new();
        for key in ["message", "error", "error_description"] {
            match body.get(key) {
                Some(Value::String(text)) => said.push(text.clone()),
                Some(Value::Null) | None => {}
                Some(other) => said.push(other.to_string()),
            }
        }
        for error in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
            match error.get("message").or_else(|| error.get("code")).and_then(Value::as_str) {
                Some(text) => said.push(text.to_owned()),
                None => said.extend(error.as_str().map(str::to_owned)),
            }
        }
        if said.is_empty() {
            said.push("no reason".to_owned());
        }
        let token = self.token.expose_secret();
        let encoded = encoded(token);
        excerpt(&without(&said.join("; "), std::iter::once(token).chain(encoded.iter().map(String::as_str))))
    }
}

/// What base64 makes of a secret, whatever stands before and behind it: the digits that hold nothing else.
fn encoded(secret: &str) -> Vec<String> {
    let all = [STANDARD_NO_PAD, URL_SAFE_NO_PAD].into_iter().flat_map(|engine| {
        // Three bytes are four digits: a secret begins at the first, the second or the third of them.
        [(0, 0), (1, 2), (2, 3)].into_iter().map(move |(before, digits)| {
            let bytes = [&vec![0; before], secret.as_bytes()].concat();
            let whole = bytes.len() * 8 / 6;
            engine.encode(&bytes).get(digits..whole).unwrap_or_default().to_owned()
        })
    });
    all.filter(|encoded| encoded.len() >= SHORTEST).collect()
}

/// The answer asks to wait.
struct Throttled {
    /// For so long, if it says.
    wait: Option<Duration>,
}

/// Whether the answer asks to wait.
fn throttled(status: u16, answer: &Answer, words: &str, now: jiff::Timestamp) -> Option<Throttled> {
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let used_up = header("x-ratelimit-remaining") == Some("0");
    let words = words.to_ascii_lowercase();
    let by_words = words.contains("secondary rate limit") || words.contains("abuse detection");
    let is_throttled = match status {
        429 => true,
        403 => answer.retry_after.is_some() || used_up || by_words,
        _ => false,
    };
    if !is_throttled {
        return None;
    }
    let reset = || {
        let reset = header("x-ratelimit-reset").filter(|_| used_up)?.trim().parse::<i64>().ok()?;
        let reset = jiff::Timestamp::from_second(reset).ok()?;
        Some(Duration::try_from(reset.duration_since(now)).unwrap_or_default() + Duration::from_secs(1))
    };
    Some(Throttled { wait: answer.retry_after.or_else(reset).or_else(|| by_words.then_some(SECONDARY)) })
}

/// The address of the next page, by a `Link` header.
pub(super) fn next_link(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(reqwest::header::LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(|value| value.split(',')).find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').map(str::trim).any(|one| one == "rel=\"next\"" || one == "rel=next");
        is_next.then(|| address.to_owned())
    })
}

/// A bearer token's header.
pub(super) fn bearer(token: &SecretString) -> (HeaderName, String) {
    (AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        Answer {
            status: reqwest::StatusCode::from_u16(status).unwrap(),
            headers: all,
            retry_after: headers
                .iter()
                .find(|(name, _)| *name == "retry-after")
                .and_then(|(_, value)| crate::providers::http::retry_after(value, jiff::Timestamp::UNIX_EPOCH)),
            body: bytes::Bytes::new(),
        }
    }

    #[test]
    fn a_refusal_that_asks_to_wait_is_told_from_one_that_does_not() {
        let now = jiff::Timestamp::from_second(1000).unwrap();
        let seconds = |status, headers: &[(&'static str, &str)], words| {
            throttled(status, &answer(status, headers), words, now)
                .map(|throttled| throttled.wait.map(|wait| wait.as_secs()))
        };
        assert_eq!(seconds(403, &[], "Resource not accessible by integration"), None);
        assert_eq!(seconds(403, &[("x-ratelimit-remaining", "11")], "Must have push access"), None);
        assert_eq!(seconds(401, &[("retry-after", "9")], "Bad credentials"), None);
        assert_eq!(seconds(429, &[], ""), Some(None));
        assert_eq!(seconds(429, &[("retry-after", "9")], ""), Some(Some(9)));
        assert_eq!(seconds(403, &[("retry-after", "9")], ""), Some(Some(9)));
        let used_up = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1030")];
        assert_eq!(seconds(403, &used_up, "API rate limit exceeded"), Some(Some(31)));
        assert_eq!(seconds(403, &[], "You have exceeded a secondary rate limit."), Some(Some(60)));
        // A moment that is past is no reason to ask at once and again.
        assert_eq!(seconds(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")], ""), Some(Some(1)));
    }

    #[test]
    fn a_secret_is_known_again_in_base64() {
        use base64::engine::general_purpose::{STANDARD, URL_SAFE};
        let secret = "s3cr3t-token-\u{3ff}\u{3fe}-of-the-job";
        for before in ["", ":", "x-access-token:", "ab"] {
            for behind in ["", "!", "!!"] {
                let text = format!("{before}{secret}{behind}");
                for text in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                    assert!(encoded(secret).iter().any(|encoded| text.contains(encoded)), "{text}");
                }
            }
        }
        assert!(encoded("abc").is_empty());
    }

    #[test]
    fn the_next_page_is_the_one_that_is_called_next() {
        let link = |value: &str| next_link(&answer(200, &[("link", value)]).headers);
        assert_eq!(
            link(r#"<https://a.example/?page=1>; rel="prev", <https://a.example/?page=3>; rel="next""#).as_deref(),
            Some("https://a.example/?page=3")
        );
        assert_eq!(link(r#"<https://a.example/?page=1>; rel="last""#), None);
        assert_eq!(link("nonsense, <half"), None);
    }
}
