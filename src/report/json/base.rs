//! What the change of the access files starts from, in its published form.

use super::access::access;
use super::plan::{change, origin, texts, would};
use super::v1;
use crate::plan::{Owning, Read, Unsaid};
use crate::report::text::hints::gaining_authors;
use crate::report::{Base, Begins, Context, text};
use crate::state::GroupKey;

/// What the change of the access files starts from.
pub(super) fn base(base: &Base, context: &Context) -> v1::Base {
    let accepted = base.caused.iter().flat_map(|caused| &caused.accepted);
    v1::Base {
        reference: base.reference.clone(),
        commit: base.commit.clone(),
        shallow: base.is_shallow,
        begins: base.begins.map(|begins| match begins {
            Begins::AtStart => v1::Begins::AtStart,
            Begins::Everywhere => v1::Begins::Everywhere,
        }),
        weakened: base
            .weakened
            .iter()
            .map(|weakening| v1::Weakening {
                kind: weakening.what.id().to_owned(),
                message: text::weakened(weakening),
                now: weakening.now.as_ref().map(origin),
                was: weakening.was.as_ref().map(origin),
            })
            .collect(),
        left_out: base.left_out.clone(),
        accepted: accepted.map(|one| v1::Change { cause: Some(v1::Cause::Drift), ..change(one) }).collect(),
        drift: base.caused.is_ok().then(|| access(&base.drift)),
        unsaid: base.unsaid.as_ref().ok().map(|unsaid| unsaid.iter().map(self::unsaid).collect()),
        authors: authors(base, context),
        owners: base.owners.iter().map(|(key, owning)| owners(key, owning)).collect(),
        not_told: base.caused.as_ref().err().cloned(),
    }
}

fn unsaid(one: &Unsaid) -> v1::Unsaid {
    let through = one.through.as_ref().map(origin);
    let (now, was) = if one.is_before { (None, through) } else { (through, None) };
    v1::Unsaid {
        address: one.address.to_string(),
        action: would(one.sign),
        kept_back: one.is_kept_back,
        now,
        was,
        file: match one.file {
            Read::Always => v1::FileRead::Always,
            Read::Newly => v1::FileRead::Newly,
            Read::NoLonger => v1::FileRead::NoLonger,
        },
    }
}

fn authors(base: &Base, context: &Context) -> Vec<v1::Author> {
    let gaining = gaining_authors(base, &context.access).into_iter();
    gaining.map(|author| v1::Author { who: author.who, message: author.sentence }).collect()
}

fn owners(key: &GroupKey, owning: &Owning) -> v1::Owners {
    v1::Owners { group: key.to_string(), people: texts(&owning.people), new: owning.is_new }
}
