//! HTTPS on loopback (and plain HTTP where the real thing speaks it), with the log and the faults around every router.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::RETRY_AFTER;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::faults::{self, Faulty, Unsent};
use super::log::{self, Line, Note, Recorder};

/// How long a stopping server waits for requests in flight.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on 127.0.0.1; port 0 takes any free one.
    pub(crate) async fn start(port: u16, tls: Option<Arc<rustls::ServerConfig>>, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|error| io::Error::new(error.kind(), format!("port {port}: {error}")))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, tls.map(TlsAcceptor::from), router, stopped));
        Ok(Self { address, stop, task })
    }

    /// Takes no new connection, finishes the requests in flight and ends.
    pub(crate) async fn stop(mut self) {
        // Nobody listens when the task has ended already.
        let _ = self.stop.send(true);
        // It ends by being cancelled or by a panic of its own; either way it is over.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that broke while it was accepted is the client's to open again.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, tls.clone(), router.clone(), stopped.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(PATIENCE, finish).await.is_err() {
        connections.shutdown().await;
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router, mut stopped: watch::Receiver<bool>) {
    // Small replies must not wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return answer(stream, router, stopped).await };
    let handshake = tokio::select! {
        handshake = tls.accept(stream) => handshake,
        _ = stopped.changed() => return,
    };
    // A client that does not trust our certificate goes away here, and says so itself.
    let Ok(stream) = handshake else { return };
    answer(stream, router, stopped).await;
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    // An error of the service ends the connection without a reply.
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let router = router.clone();
        async move { sent(router.oneshot(request).await).await }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    // An error here is a connection that the client broke.
    let _ = connection.await;
}

async fn sent(reply: Result<Response, Infallible>) -> io::Result<Response> {
    let reply = match reply {
        Ok(reply) => reply,
        Err(never) => match never {},
    };
    match reply.extensions().get::<Unsent>() {
        None => Ok(reply),
        Some(Unsent::Cut) => Err(io::ErrorKind::ConnectionReset.into()),
        // Ends when the client goes away or the server has waited long enough.
        Some(Unsent::Held) => std::future::pending().await,
    }
}

/// What surrounds every request to one server.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The server's name in the log.
    pub(crate) name: String,
    pub(crate) recorder: Arc<Recorder>,
}

/// The router with its faults and, around them, the log. A request that cannot be logged is not answered: tests trust it.
pub(crate) fn surround(router: Router, surroundings: Surroundings, faulty: Faulty) -> Router {
    let layer = axum::middleware::from_fn_with_state(Arc::new(surroundings), observe);
    faults::inject(router, faulty).layer(layer)
}

async fn observe(State(around): State<Arc<Surroundings>>, request: Request, next: Next) -> Response {
    let (time, arrived_us) = (Timestamp::now(), around.recorder.now_us());
    let method = request.method().to_string();
    let path = request.uri().path_and_query().map_or_else(|| request.uri().path().to_owned(), ToString::to_string);
    let mut response = next.run(request).await;
    let note = response.extensions_mut().remove::<Note>().unwrap_or_default();
    let is_unsent = response.extensions().get::<Unsent>().is_some();
    let is_throttled = response.status() == StatusCode::TOO_MANY_REQUESTS;
    let retry_after = response.headers().get(RETRY_AFTER).filter(|_| is_throttled);
    let line = Line {
        time,
        server: around.name.clone(),
        method,
        path,
        status: if is_unsent { 0 } else { response.status().as_u16() },
        arrived_us,
        answered_us: around.recorder.now_us(),
        wait_ms: retry_after.and_then(|value| log::milliseconds(value.to_str().ok()?)),
        items: note.items,
        danger: note.danger,
        not_modelled: note.not_modelled || response.status() == StatusCode::NOT_IMPLEMENTED,
        fault: note.fault.map(str::to_owned),
    };
    if around.recorder.record(&line).is_err() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
