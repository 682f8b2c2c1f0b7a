//! A server between client and sandbox that counts connections, and holds requests until as many have come as should come
//! together: so that rounds are counted without a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use rolecall::providers::http::{Transport, TransportSettings};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

use crate::world::World;

/// A stage before a world's Graph. It is gone when it is dropped.
pub(crate) struct Stage {
    pub(crate) url: Url,
    play: Arc<Play>,
    task: tokio::task::JoinHandle<()>,
}

struct Play {
    /// How many requests have come when each round is whole.
    rounds: Vec<usize>,
    came: watch::Sender<usize>,
    connections: AtomicUsize,
    graph: String,
    own: String,
    transport: Transport,
}

impl Stage {
    /// One on which rounds of these sizes are awaited; what comes after them passes.
    pub(crate) async fn before(world: &World, rounds: &[usize]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let connection = &world.connection;
        let settings = TransportSettings::new(connection.extra_ca.clone(), connection.proxies.clone());
        let play = Arc::new(Play {
            rounds: rounds
                .iter()
                .scan(0, |sum, size| {
                    *sum += size;
                    Some(*sum)
                })
                .collect(),
            came: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            graph: connection.graph.origin().ascii_serialization(),
            own: own.clone(),
            transport: Transport::new(&settings).unwrap(),
        });
        let counting = Arc::clone(&play);
        let listener = listener.tap_io(move |_| {
            counting.connections.fetch_add(1, Ordering::SeqCst);
        });
        let router = axum::Router::new().fallback(pass).with_state(Arc::clone(&play));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url: own.parse().unwrap(), play, task }
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        *self.play.came.borrow()
    }

    /// Over how many connections.
    pub(crate) fn connections(&self) -> usize {
        self.play.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Play {
    /// Comes, and waits for the others of the round.
    async fn enter(&self) {
        let mut place = 0;
        self.came.send_modify(|came| {
            *came += 1;
            place = *came;
        });
        let whole = self.rounds.iter().copied().find(|whole| place <= *whole).unwrap_or(place);
        self.came.subscribe().wait_for(|came| *came >= whole).await.unwrap();
    }
}

async fn pass(State(play): State<Arc<Play>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    play.enter().await;
    let url = format!("{}{uri}", play.graph);
    let mut request = reqwest::Request::new(method, url.parse().unwrap());
    for name in [AUTHORIZATION, CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    *request.body_mut() = Some(body.into());
    let Ok(answer) = play.transport.send(request).await else { panic!("the sandbox does not answer") };
    // Links to next pages name the origin under which Graph was reached.
    let body = String::from_utf8(answer.body.to_vec()).unwrap().replace(&play.graph, &play.own);
    (answer.status, body).into_response()
}
