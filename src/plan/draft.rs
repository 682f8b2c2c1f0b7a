//! A plan while it is being drawn up: changes by address, what is withheld by cause, notes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Note, NoteKind, Reason, UnmanagedBinding, Withheld};
use crate::state::{Address, Change, EnvironmentName, Origin, Sign};

/// Why something is withheld. One cause may hold back many addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cause {
    /// The line that asks for what is withheld.
    pub(super) origin: Option<Origin>,
    /// Which reason it is.
    pub(super) reason: Reason,
    /// What, why, and what to do next.
    pub(super) message: String,
    /// Whether the run counts as failed because of it.
    pub(super) is_error: bool,
}

impl Cause {
    /// A cause that does not fail the run.
    pub(super) fn new(origin: Option<&Origin>, reason: Reason, message: impl Into<String>) -> Self {
        Self { origin: origin.cloned(), reason, message: message.into(), is_error: false }
    }

    /// The same cause, failing the run if `is_error`.
    pub(super) fn error_if(mut self, is_error: bool) -> Self {
        self.is_error = is_error;
        self
    }
}

/// What the parts of the diff write into.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The changes so far. What one requires may be missing here: then there was nothing to do about it.
    pub(super) changes: BTreeMap<Address, Change>,
    /// What is held back.
    pub(super) withheld: BTreeMap<Cause, BTreeSet<Address>>,
    /// What would become of what is held back, where that is no addition. Where several causes hold back one thing, the
    /// most that would become of it by any of them counts, whichever was found first.
    signs: BTreeMap<Address, Sign>,
    /// Notes; a set, because two parts may see the same thing.
    pub(super) notes: BTreeSet<Note>,
    /// Bindings that no file asks for, those included that this plan takes away.
    pub(super) unmanaged: Vec<UnmanagedBinding>,
}

impl Draft {
    /// Adds a change.
    pub(super) fn change(&mut self, change: Change) {
        self.changes.insert(change.address.clone(), change);
    }

    /// Holds addresses back for a cause. A cause without addresses is not worth a word.
    pub(super) fn withhold(&mut self, cause: &Cause, addresses: impl IntoIterator<Item = Address>) {
        let mut addresses = addresses.into_iter().peekable();
        if addresses.peek().is_some() {
            self.withheld.entry(cause.clone()).or_default().extend(addresses);
        }
    }

    /// The same for what would not be added but changed or removed.
    pub(super) fn withhold_as(&mut self, sign: Sign, cause: &Cause, addresses: impl IntoIterator<Item = Address>) {
        let addresses: Vec<Address> = addresses.into_iter().collect();
        for address in &addresses {
            self.sign(address, sign);
        }
        self.withhold(cause, addresses);
    }

    /// Takes a change out again, because what it requires is held back.
    pub(super) fn hold_change(&mut self, address: &Address) {
        if let Some(change) = self.changes.remove(address) {
            self.sign(address, change.sign());
        }
    }

    fn sign(&mut self, address: &Address, sign: Sign) {
        let most = self.signs.entry(address.clone()).or_insert(sign);
        *most = (*most).max(sign);
    }

    /// Everything that a cause holds back.
    pub(super) fn held_by(&self, cause: &Cause) -> Vec<(Cause, Address)> {
        let addresses = self.withheld.get(cause).into_iter().flatten();
        addresses.map(|address| (cause.clone(), address.clone())).collect()
    }

    /// Takes changes out again for causes that are known already.
    pub(super) fn hold_again(&mut self, held: &[(Cause, Address)]) {
        for (cause, address) in held {
            if self.changes.contains_key(address) {
                self.hold_change(address);
                self.withhold(cause, [address.clone()]);
            }
        }
    }

    /// Adds a note.
    pub(super) fn note(
        &mut self,
        environment: Option<&EnvironmentName>,
        origin: Option<&Origin>,
        kind: NoteKind,
        message: impl Into<String>,
    ) {
        self.notes.insert(Note {
            environment: environment.cloned(),
            origin: origin.cloned(),
            kind,
            message: message.into(),
            about: None,
        });
    }

    /// Adds a note about somebody, of whom there may be many.
    pub(super) fn note_about(&mut self, who: String, origin: &Origin, kind: NoteKind, message: String) {
        self.notes.insert(Note { environment: None, origin: Some(origin.clone()), kind, message, about: Some(who) });
    }

    /// Everything withheld, by origin.
    pub(super) fn withheld(&self) -> Vec<Withheld> {
        self.withheld
            .iter()
            .map(|(cause, addresses)| Withheld {
                origin: cause.origin.clone(),
                addresses: addresses.iter().cloned().collect(),
                signs: addresses.iter().map(|address| self.signs.get(address).copied().unwrap_or(Sign::Add)).collect(),
                reason: cause.reason,
                message: cause.message.clone(),
                is_error: cause.is_error,
            })
            .collect()
    }
}
