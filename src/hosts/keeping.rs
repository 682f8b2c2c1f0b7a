//! What all hosts and both kinds of entry have in common: find our own, send only what differs, never twice the same.

use std::collections::BTreeSet;

use super::client::Connection;
use super::fit::fit;
use super::marker::{has_lost_its_marker, without_measured};
use super::{Added, Changed, Draft, Entry, Host, Key, On, words};
use crate::providers::http::Patience;
use crate::state::{Failure, FailureKind, Result};

/// What there is to be.
#[derive(Clone, Debug)]
pub enum Wish {
    /// This text, without a marker; for an issue under this title.
    Text {
        /// What people read.
        text: String,
        /// The title of an issue.
        title: String,
    },
    /// No open issue. One that is open is closed, with this above what it said.
    Closed {
        /// Why, in a line.
        line: String,
    },
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It is new.
    Added,
    /// Ours was there and says something else now.
    Edited,
    /// Ours was there, closed, and is open again.
    Reopened,
    /// It was as asked. Nothing was sent.
    AsItWas,
    /// It is closed.
    Closed,
    /// There was nothing to close.
    NothingOpen,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// With our entry.
    pub became: Became,
    /// Where people see it.
    pub address: Option<String>,
    /// The text was too long for the host, and ends with a line that says so.
    pub was_cut: bool,
    /// Other entries of ours under the same key, or plans of ours under none, which say now that they are superseded.
    pub superseded: usize,
    /// Why that was not done of all of them.
    pub left: Option<Failure>,
}

/// Sees to it that there is one entry of ours under this key and that it is as wished. `job` is where a text that is cut can
/// be read whole.
///
/// # Errors
/// When the host refuses, or cannot be asked. Nothing is then known to be there that was not before.
pub async fn keep(
    host: &dyn Host,
    on: On,
    key: &Key,
    wish: &Wish,
    job: Option<&str>,
    connection: &Connection,
) -> Result<Kept> {
    let head = format!("{}\n", key.marker());
    let mut patience = Patience::new(connection.pace);
    let mut gone = BTreeSet::new();
    // Whether an addition was sent of which nobody knows.
    let mut sent = false;
    loop {
        let mut all = host.ours(on).await?;
        all.retain(|entry| !gone.contains(&entry.id));
        let (mut ours, others): (Vec<Entry>, Vec<Entry>) =
            all.into_iter().partition(|entry| key.behind(&entry.text).is_some());
        // The oldest, so that what another program of the same identity says later takes no place of ours; of issues rather one
        // that is open.
        let at = ours.iter().position(|entry| entry.is_open).or_else(|| (!ours.is_empty()).then_some(0));
        let found = at.map(|at| ours.remove(at));
        ours.extend(others.into_iter().filter(|entry| has_lost_its_marker(&entry.text)));
        let (text, title) = match (wish, &found) {
            (Wish::Text { text, title }, _) => (host.as_text(text), title.clone()),
            (Wish::Closed { line }, Some(found)) if found.is_open => {
                let before = key.behind(&found.text).unwrap_or_default();
                (format!("{line}\n{before}"), found.title.clone())
            }
            (Wish::Closed { .. }, _) => {
                return Ok(Kept {
                    became: Became::NothingOpen,
                    address: None,
                    was_cut: false,
                    superseded: 0,
                    left: None,
                });
            }
        };
        let (text, was_cut) = fit(&head, &text, &words::cut(job), host.limit());
        let draft = Draft { text: &text, title: &title, is_open: matches!(wish, Wish::Text { .. }) };
        let (became, address) = match found {
            Some(found) if is_as(&found, draft, on) => {
                (if sent { Became::Added } else { Became::AsItWas }, found.address)
            }
            Some(found) => match host.change(on, &found, draft).await? {
                Changed::Done if !draft.is_open => (Became::Closed, found.address),
                Changed::Done if !found.is_open => (Became::Reopened, found.address),
                Changed::Done => (Became::Edited, found.address),
                Changed::Gone => {
                    // Deleted by hand since it was found.
                    gone.insert(found.id);
                    continue;
                }
            },
            None => match host.add(on, draft).await? {
                Added::Done(made) => (Became::Added, made.address),
                Added::Unknown(failure) => {
                    // Looked for before it is sent again: it may be there.
                    sent = true;
                    let Some(wait) = patience.after_failure(None) else { return Err(not_known(&failure)) };
                    tokio::time::sleep(wait).await;
                    continue;
                }
            },
        };
        let (superseded, left) = retire(host, on, key, &ours, address.as_deref()).await;
        return Ok(Kept { became, address, was_cut, superseded, left });
    }
}

/// Makes other entries say that they are superseded, so that nobody reads an old plan for a new one.
async fn retire(host: &dyn Host, on: On, key: &Key, others: &[Entry], kept: Option<&str>) -> (usize, Option<Failure>) {
    let text = format!("{}\n{}", key.retired(), words::superseded(kept));
    let mut done = 0;
    for entry in others.iter().filter(|entry| entry.is_open) {
        let draft = Draft { text: &text, title: &entry.title, is_open: on != On::Issues };
        match host.change(on, entry, draft).await {
            Ok(Changed::Done) => done += 1,
            Ok(Changed::Gone) => {}
            Err(failure) => return (done, Some(failure)),
        }
    }
    (done, None)
}

/// Whether nothing differs. Hosts keep line ends and what is blank at the end in ways of their own.
fn is_as(found: &Entry, draft: Draft<'_>, on: On) -> bool {
    let plain = |text: &str| {
        let text = text.replace("\r\n", "\n");
        without_measured(text.trim_end()).trim_end().to_owned()
    };
    found.is_open == draft.is_open
        && plain(&found.text) == plain(draft.text)
        && (on != On::Issues || found.title.trim() == draft.title.trim())
}

fn not_known(failure: &Failure) -> Failure {
    Failure::new(FailureKind::Unknown, format!("it is not known whether the comment was posted: {}", failure.what))
        .with_next("run it again: what is there already is found, and not posted twice")
}
