//! Many reads at once: whatever is asked for together goes twenty in a call, whatever kind of thing it is, and so do the
//! further pages of lists.

use std::collections::VecDeque;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::batch::{Item, LARGEST_BATCH, Reply};
use super::error::Problem;
use super::paging::{Reading, next_link, unread};
use super::{Core, IN_FLIGHT, Path, ReadClient};
use crate::state::{Failure, FailureKind};

/// What can be read together with others.
pub(in super::super) trait Reads: Send {
    /// The first request of each.
    fn firsts(&self) -> Vec<Path>;

    /// Takes in a reply to one of them, and gives what is to be read next for it.
    fn absorb(&mut self, at: usize, base: &str, reply: Reply) -> Option<Path>;
}

/// Lists, each read with all its pages. `K` is what is kept of each `T` in them.
pub(in super::super) struct Lists<T, K = T> {
    readings: Vec<Reading<K>>,
    keep: Box<dyn FnMut(T) -> K + Send>,
}

impl<T> Lists<T> {
    /// Lists to read.
    pub(in super::super) fn new(firsts: &[Path]) -> Self {
        Self::keeping(firsts, |item| item)
    }
}

impl<T, K> Lists<T, K> {
    /// Lists to read, of whose things something else is kept, as soon as a page is there.
    pub(in super::super) fn keeping(firsts: &[Path], keep: impl FnMut(T) -> K + Send + 'static) -> Self {
        Self { readings: firsts.iter().map(Reading::new).collect(), keep: Box::new(keep) }
    }

    /// What was read, in the order of the paths.
    pub(in super::super) fn finish(self) -> Vec<Result<Vec<K>, Problem>> {
        self.readings.into_iter().map(Reading::finish).collect()
    }
}

impl<T: DeserializeOwned, K: Send> Reads for Lists<T, K> {
    fn firsts(&self) -> Vec<Path> {
        self.readings.iter().map(|list| list.first().clone()).collect()
    }

    fn absorb(&mut self, at: usize, base: &str, reply: Reply) -> Option<Path> {
        self.readings.get_mut(at)?.absorb(base, reply, &mut self.keep)
    }
}

/// Lists of which the beginning is enough, a few pages of each: what comes first counts most, and a thing that cannot be
/// understood is no reason to know nothing of the others.
pub(in super::super) struct Beginnings<K> {
    lists: Vec<Beginning<K>>,
    most_pages: usize,
    keep: fn(&Value) -> Option<K>,
}

/// The beginning of one list.
pub(in super::super) struct Beginning<K> {
    first: Path,
    /// What was kept of it.
    pub(in super::super) items: Vec<K>,
    pages: usize,
    /// Why there are no more of it, where it has more.
    pub(in super::super) ended: Option<Ended>,
}

/// Why a list was not read to its end.
pub(in super::super) enum Ended {
    /// It has more pages than are read.
    Long,
    /// A page of it could not be read.
    Failed(Problem),
}

impl<K> Beginnings<K> {
    /// Lists to begin.
    pub(in super::super) fn new(firsts: Vec<Path>, most_pages: usize, keep: fn(&Value) -> Option<K>) -> Self {
        let begin = |first| Beginning { first, items: Vec::new(), pages: 0, ended: Some(Ended::Failed(unread())) };
        Self { lists: firsts.into_iter().map(begin).collect(), most_pages, keep }
    }

    /// What was read, in the order of the paths.
    pub(in super::super) fn finish(self) -> Vec<Beginning<K>> {
        self.lists
    }
}

impl<K: Send> Reads for Beginnings<K> {
    fn firsts(&self) -> Vec<Path> {
        self.lists.iter().map(|list| list.first.clone()).collect()
    }

    fn absorb(&mut self, at: usize, base: &str, reply: Reply) -> Option<Path> {
        let list = self.lists.get_mut(at)?;
        list.pages += 1;
        let read = reply.and_then(|success| {
            let failed = |failure| Problem::Failed(failure);
            let Some(items) = success.body["value"].as_array() else {
                let what = "Graph's answer to a list holds no list";
                return Err(failed(Failure::new(FailureKind::BadAnswer, what)));
            };
            list.items.extend(items.iter().filter_map(self.keep));
            let next = next_link(&success.body, base).map_err(failed)?;
            Ok(next.map(|next| Path::next_page(next.to_owned(), list.first.eventual)))
        });
        let (next, ended) = match read {
            Ok(Some(_)) if list.pages >= self.most_pages => (None, Some(Ended::Long)),
            Ok(next) => (next, None),
            Err(problem) => (None, Some(Ended::Failed(problem))),
        };
        list.ended = ended;
        next
    }
}

/// Things that are no lists.
pub(in super::super) struct Singles {
    paths: Vec<Path>,
    replies: Vec<Option<Reply>>,
}

impl Singles {
    /// Things to read.
    pub(in super::super) fn new(paths: Vec<Path>) -> Self {
        let replies = paths.iter().map(|_| None).collect();
        Self { paths, replies }
    }

    /// What was read, in the order of the paths.
    pub(in super::super) fn finish(self) -> Vec<Result<Value, Problem>> {
        let replies = self.replies.into_iter().map(|reply| reply.unwrap_or_else(|| Err(unread())));
        replies.map(|reply| reply.map(|success| success.body)).collect()
    }

    /// The same, with `None` for what does not exist.
    pub(in super::super) fn finish_if_there(self) -> Result<Vec<Option<Value>>, Problem> {
        let replies = self.finish().into_iter();
        replies
            .map(|reply| match reply {
                Ok(value) => Ok(Some(value)),
                Err(problem) if problem.status() == Some(404) => Ok(None),
                Err(problem) => Err(problem),
            })
            .collect()
    }
}

impl Reads for Singles {
    fn firsts(&self) -> Vec<Path> {
        self.paths.clone()
    }

    fn absorb(&mut self, at: usize, _base: &str, reply: Reply) -> Option<Path> {
        if let Some(place) = self.replies.get_mut(at) {
            *place = Some(reply);
        }
        None
    }
}

/// Whose request it is, and which of theirs.
type Place = (usize, usize);

impl Core {
    async fn pages(&self, of: Vec<Place>, paths: Vec<Path>) -> (Vec<Place>, Vec<Reply>) {
        let items: Vec<_> = paths.iter().map(Item::get).collect();
        let interrupted = self.interrupted();
        (of, self.batch(&items, interrupted.as_ref()).await)
    }
}

impl ReadClient {
    /// Reads all of this together.
    pub(in super::super) async fn read(&self, reads: &mut [&mut dyn Reads]) {
        let core = &*self.0;
        let firsts = reads.iter().enumerate().flat_map(|(who, reads)| {
            let firsts = reads.firsts().into_iter().enumerate();
            firsts.map(move |(at, path)| ((who, at), path)).collect::<Vec<_>>()
        });
        let mut queue: VecDeque<(Place, Path)> = firsts.collect();
        let mut firsts = queue.len();
        let mut in_flight = FuturesUnordered::new();
        loop {
            // What could not be sent yet is not begun either: its patience would run out while it waits for its turn.
            while in_flight.len() < IN_FLIGHT {
                // Further pages wait for company as long as more may come: a call is dearer than a moment.
                let goes = queue.len() >= LARGEST_BATCH || firsts > 0 || in_flight.is_empty();
                if queue.is_empty() || !goes {
                    break;
                }
                let (of, paths): (Vec<_>, Vec<_>) = queue.drain(..queue.len().min(LARGEST_BATCH)).unzip();
                firsts = firsts.saturating_sub(paths.len());
                in_flight.push(core.pages(of, paths));
            }
            let Some((of, replies)) = in_flight.next().await else { break };
            for ((who, at), reply) in of.into_iter().zip(replies) {
                if let Some(next) = reads[who].absorb(at, &core.base, reply) {
                    queue.push_back(((who, at), next));
                }
            }
        }
    }

    /// Reads many lists. Results are in the order of the paths.
    pub(in super::super) async fn lists<T: DeserializeOwned + Send>(
        &self,
        firsts: &[Path],
    ) -> Vec<Result<Vec<T>, Problem>> {
        let mut lists = Lists::new(firsts);
        self.read(&mut [&mut lists]).await;
        lists.finish()
    }

    /// Reads one list.
    pub(in super::super) async fn list<T: DeserializeOwned + Send>(&self, first: Path) -> Result<Vec<T>, Problem> {
        let lists = self.lists(&[first]).await;
        lists.into_iter().next().unwrap_or_else(|| Err(unread()))
    }

    /// Reads many things that are no lists. Results are in the order of the paths.
    pub(in super::super) async fn gets(&self, paths: &[Path]) -> Vec<Result<Value, Problem>> {
        let mut singles = Singles::new(paths.to_vec());
        self.read(&mut [&mut singles]).await;
        singles.finish()
    }
}
