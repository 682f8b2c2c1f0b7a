//! A proxy in front of one API server: plain HTTP on loopback, the credential added on the way. It can hold one request,
//! before it is passed on or after it was answered, and let it go again.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Where requests go.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    pub(crate) ca_pem: Vec<u8>,
    pub(crate) token: String,
}

impl Upstream {
    /// That of a context of a kubeconfig in JSON or as one reads it from YAML.
    pub(crate) fn of_context(kubeconfig: &serde_json::Value, context: &str) -> Self {
        let named = |list: &str, name: &str| {
            let entries = kubeconfig[list].as_array().unwrap();
            entries.iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name} in {list}")).clone()
        };
        let context = &named("contexts", context)["context"];
        let cluster = &named("clusters", context["cluster"].as_str().unwrap())["cluster"];
        let user = &named("users", context["user"].as_str().unwrap())["user"];
        let authority = cluster["certificate-authority-data"].as_str().unwrap();
        let ca_pem = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, authority).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        Self { url: text(&cluster["server"]), ca_pem, token: text(&user["token"]) }
    }

    pub(crate) fn client(&self) -> reqwest::Client {
        // Every test may be the first; a second installation is refused and does not matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authority = reqwest::Certificate::from_pem(&self.ca_pem).unwrap();
        reqwest::Client::builder().tls_certs_only([authority]).build().unwrap()
    }
}

/// The request that is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    /// How many requests are passed on first.
    pub(crate) request: usize,
    /// Which count, and are held.
    pub(crate) of: Of,
    pub(crate) after_work: bool,
}

/// Some of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    All,
    /// Those that write what is planned.
    Writes,
    /// Those that come after somebody made or took the lock, and are not about it.
    Locked,
}

/// A request that came, in the order of their coming.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
}

impl Seen {
    pub(crate) fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "POST") && !self.is_about_lock()
    }

    pub(crate) fn is_about_lock(&self) -> bool {
        self.path.contains("/leases")
    }
}

/// The running proxy; it ends with the runtime that it was started in.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    upstream: Upstream,
    client: reqwest::Client,
    hold: Option<Hold>,
    seen: Mutex<Vec<Seen>>,
    held: watch::Sender<bool>,
    let_go: watch::Sender<bool>,
}

impl Gate {
    pub(crate) async fn start(upstream: Upstream, hold: Option<Hold>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (client, seen) = (upstream.client(), Mutex::default());
        let inner =
            Inner { upstream, client, hold, seen, held: watch::Sender::new(false), let_go: watch::Sender::new(false) };
        let inner = Arc::new(inner);
        tokio::spawn(accept(listener, Arc::clone(&inner)));
        Self { url, inner }
    }

    /// A kubeconfig whose context `west` leads here.
    pub(crate) fn kubeconfig(&self) -> String {
        let url = &self.url;
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: west\nclusters: [{{ name: west, cluster: {{ server: '{url}' }} }}]\n\
             users: [{{ name: west, user: {{ token: of-no-use-elsewhere }} }}]\n\
             contexts: [{{ name: west, context: {{ cluster: west, user: west }} }}]\n"
        )
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn holds(&self) -> bool {
        *self.inner.held.borrow()
    }

    /// Lets the held request go on.
    pub(crate) fn let_go(&self) {
        self.inner.let_go.send_replace(true);
    }
}

async fn accept(listener: TcpListener, inner: Arc<Inner>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let inner = Arc::clone(&inner);
        let service = service_fn(move |request| {
            let inner = Arc::clone(&inner);
            async move { Ok::<_, Infallible>(inner.pass(request).await) }
        });
        // It ends when the client goes away.
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Inner {
    async fn pass(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
        let is_held = self.note(Seen { method: request.method().to_string(), path });
        let holds = |after_work| is_held && self.hold.is_some_and(|hold| hold.after_work == after_work);
        if holds(false) {
            self.hold_it().await;
        }
        let reply = self.forward(request).await;
        if holds(true) {
            self.hold_it().await;
        }
        reply
    }

    /// Notes a request, and says whether it is the one that is held.
    fn note(&self, request: Seen) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(request);
        let Some(Hold { request, of, .. }) = self.hold else { return false };
        let mut locked = false;
        let counts = seen.iter().map(|seen| {
            locked |= seen.is_about_lock() && seen.method != "GET";
            match of {
                Of::All => true,
                Of::Writes => seen.is_write(),
                Of::Locked => locked && !seen.is_about_lock(),
            }
        });
        let counts: Vec<bool> = counts.collect();
        counts.last() == Some(&true) && counts.iter().filter(|counts| **counts).count() == request + 1
    }

    async fn hold_it(&self) {
        self.held.send_replace(true);
        // The sender lives in `self`.
        let _ = self.let_go.subscribe().wait_for(|let_go| *let_go).await;
    }

    async fn forward(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let url = format!("{}{}", self.upstream.url.trim_end_matches('/'), parts.uri.path_and_query().unwrap());
        let mut headers = parts.headers;
        for name in ["host", "authorization", "connection", "content-length", "accept-encoding"] {
            headers.remove(name);
        }
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let forwarded = self.client.request(parts.method, url).headers(headers);
        match forwarded.bearer_auth(&self.upstream.token).body(body).send().await {
            Ok(answer) => {
                let mut reply = Response::builder().status(answer.status());
                if let Some(kind) = answer.headers().get("content-type") {
                    reply = reply.header("content-type", kind);
                }
                reply.body(Full::new(answer.bytes().await.unwrap_or_default())).unwrap()
            }
            Err(error) => {
                let said = Full::new(Bytes::from(error.to_string()));
                Response::builder().status(StatusCode::BAD_GATEWAY).body(said).unwrap()
            }
        }
    }
}
