//! What a difference says: who, where, before, after, and through what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::state::power::Way;
use crate::state::{
    Coming, EnvironmentName, Gain, GroupKey, Namespace, ObjectId, PolicyRule, PrincipalName, RoleKey, RoleRef, covering,
};

/// What the changes of a plan mean for people. Empty where they mean nothing to anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessDifference {
    /// One for everybody to whom the same happens at the same place, what alters nothing included.
    pub rows: Vec<AccessRow>,
    /// What could not be seen, so that a row may be missing or wrong.
    pub unseen: BTreeSet<Unseen>,
    /// The keys in the files of the roles of ours that occur here, whose objects have longer names.
    pub role_keys: BTreeMap<(EnvironmentName, RoleRef), RoleKey>,
}

impl AccessDifference {
    /// What of this does not happen in the other, to the same people at the same place.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        type Event<'r> = (
            (&'r EnvironmentName, Option<&'r Namespace>, &'r Bearing, AccessEffect),
            (&'r BTreeSet<Way>, &'r [PolicyRule], &'r [PolicyRule]),
        );
        fn event(row: &AccessRow) -> Event<'_> {
            let at = (&row.environment, row.namespace.as_ref(), &row.bearing, row.effect);
            (at, (&row.leads, &row.gained, &row.lost))
        }
        let mut known: BTreeMap<Event<'_>, BTreeSet<&Somebody>> = BTreeMap::new();
        for row in &other.rows {
            known.entry(event(row)).or_default().extend(&row.who);
        }
        let left = self.rows.iter().map(|row| {
            let known = known.get(&event(row));
            let is_left = |who: &&Somebody| known.is_none_or(|known| !known.contains(who));
            AccessRow { who: row.who.iter().filter(is_left).cloned().collect(), ..row.clone() }
        });
        let rows = left.filter(|row| !row.who.is_empty()).collect();
        let unseen = self.unseen.difference(&other.unseen).cloned().collect();
        Self { rows, unseen, role_keys: self.role_keys.clone() }
    }
}

/// What happens to some people at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessRow {
    /// To whom; never empty.
    pub who: BTreeSet<Somebody>,
    /// On which cluster.
    pub environment: EnvironmentName,
    /// Where there; `None` is the whole cluster. What holds on the whole cluster counts in each namespace.
    pub namespace: Option<Namespace>,
    /// What it comes to.
    pub effect: AccessEffect,
    /// How they come to cluster-admin or its like; empty where they do not, or had come to it before. It is what the guard
    /// `cluster-admin-gained` goes by.
    pub leads: BTreeSet<Way>,
    /// By what it is theirs.
    pub bearing: Bearing,
    /// The roles that they have there before, without those of which another has everything.
    pub before: BTreeSet<RoleRef>,
    /// The same after.
    pub after: BTreeSet<RoleRef>,
    /// The ways that come, go, change, or stay and matter.
    pub via: BTreeSet<Via>,
    /// What they could not do before.
    pub gained: Vec<PolicyRule>,
    /// What they can no longer do.
    pub lost: Vec<PolicyRule>,
    /// The rules of the roles after.
    pub holds: Arc<[PolicyRule]>,
}

/// What a change comes to for somebody at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessEffect {
    /// They can do more.
    Gains,
    /// They can do more of one and less of another.
    Both,
    /// They can do less.
    Loses,
    /// They can do what they could.
    Same,
}

/// By what a row's roles are somebody's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bearing {
    /// By what their token says.
    Token,
    /// By nothing: a token of an app carries no groups, so that what its groups are given is worth nothing to it.
    NoGroups,
    /// By nothing for now: they are in so many groups, more than a token carries, so that it carries none. Once they leave some,
    /// which they may be able to do by themselves, it is theirs.
    TooManyGroups(usize),
    /// Not yet: they own this group and can make themselves a member.
    Owner(GroupLabel),
    /// Not theirs: to an app a group is worth nothing, but this is one that it owns and can put anybody in.
    OwningApp(GroupLabel),
}

/// Whom a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Somebody {
    /// A user, a guest or an app.
    Person {
        /// The name that the files use.
        name: PrincipalName,
        /// Their object id, where it is known.
        id: Option<ObjectId>,
        /// Whether their account is disabled: what they are given takes effect when it is enabled.
        disabled: bool,
    },
    /// A service account of the cluster.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A user name of the cluster that is nobody's in the files. Hostile text.
    User(String),
    /// Whoever is in a group, where nobody knows who is.
    AnyoneIn(GroupLabel),
}

impl Somebody {
    /// What stays the same of them, and their name.
    fn kept(&self) -> (String, String) {
        match self {
            Self::Person { name, id, disabled: _ } => {
                (id.map_or_else(|| name.to_string(), |id| id.to_string()), name.to_string())
            }
            Self::ServiceAccount { namespace, name } => {
                let account = format!("system:serviceaccount:{namespace}:{name}");
                (account.clone(), account)
            }
            Self::User(name) => (format!("user:{name}"), name.clone()),
            Self::AnyoneIn(label) => {
                let name = match label {
                    GroupLabel::Key(key) => key.to_string(),
                    GroupLabel::Other(_, name) => name.clone().unwrap_or_else(|| "a group of others".to_owned()),
                    GroupLabel::Named(name) => name.clone(),
                };
                (label.kept(), format!("anyone in {name}"))
            }
        }
    }
}

/// A group as people know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupLabel {
    /// One of the files, or with our mark.
    Key(GroupKey),
    /// Another group of the tenant; its name is hostile text.
    Other(ObjectId, Option<String>),
    /// A group as a cluster calls it, which is no group of Entra that we know. Hostile text.
    Named(String),
}

impl GroupLabel {
    /// What stays the same of it.
    fn kept(&self) -> String {
        match self {
            Self::Key(key) => format!("in:{key}"),
            Self::Other(id, _) => format!("in-id:{id}"),
            Self::Named(name) => format!("in-name:{name}"),
        }
    }
}

/// One way in which somebody has a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Via {
    /// What becomes of it.
    pub standing: Standing,
    /// The groups, from the one that they are in to the one that is bound; empty where they are bound by name.
    pub groups: Vec<GroupLabel>,
    /// Why it comes, goes or changes; nothing for what stays.
    pub causes: BTreeSet<Cause>,
    /// The role.
    pub role: RoleRef,
    /// Where its binding holds; `None` is the whole cluster.
    pub namespace: Option<Namespace>,
}

/// What becomes of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It comes.
    New,
    /// It goes.
    Gone,
    /// It stays, and its role gives something else.
    Changed,
    /// It stays as it is.
    Kept,
}

/// Why a way comes, goes or changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// They become a member, or no longer are one.
    Member,
    /// A group on the way becomes a member of the next, or no longer is one.
    Nested(GroupLabel),
    /// A group on the way is deleted.
    Deleted(GroupLabel),
    /// The binding is made or taken away.
    Binding,
    /// The role's rules change.
    Role,
    /// They come to be in more groups than a token carries, so that it carries none, or no longer are.
    TooManyGroups,
}

/// Something that could not be seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    /// What these changes mean on a cluster that was not read.
    Cluster(EnvironmentName),
    /// Who is in a group, and why not. Hostile text.
    Members(GroupLabel, String),
    /// Whether those who leave a group of others with one of ours stay in it by another way, and why not. Hostile text.
    Ways(GroupLabel, String),
    /// Which groups a group is in, and why not. Hostile text.
    Above(GroupLabel, String),
    /// A group that is restored, with members that cannot be read before.
    Restored(GroupKey),
    /// A binding on a cluster names a group of the tenant that is not there any more.
    NoGroup(EnvironmentName, ObjectId),
}

/// How many people a difference is about, by what happens to them in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessCounts {
    /// Who only gain.
    pub gain: usize,
    /// Who only lose.
    pub lose: usize,
    /// Who do both, at one place or at several.
    pub both: usize,
    /// For whom nothing changes although something was changed.
    pub unchanged: usize,
    /// Who own a group that would now give them more: they can make themselves members, and apps can put others in.
    pub owners: usize,
    /// Who can no longer have something in that way, and come to nothing more.
    pub former_owners: usize,
    /// Who come to everything.
    pub masters: usize,
}

/// What happens to somebody in all.
#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools, reason = "five things of which each may be so")]
struct Happening {
    gains: bool,
    loses: bool,
    owns: bool,
    owned: bool,
    masters: bool,
}

impl AccessRow {
    /// Whether they come to cluster-admin or its like.
    pub fn is_master(&self) -> bool {
        !self.leads.is_empty()
    }

    fn gains(&self) -> Vec<Gain> {
        let Self { who, environment, namespace, bearing, gained, holds, .. } = self;
        let as_owner = match bearing {
            Bearing::Token | Bearing::TooManyGroups(_) => false,
            Bearing::Owner(_) | Bearing::OwningApp(_) => true,
            Bearing::NoGroups => return Vec::new(),
        };
        // What everybody has is among no roles of a row, and may be gained all the same.
        let rest = covering::missing(holds, gained);
        let of = |anyone| {
            let who: BTreeMap<String, String> =
                who.iter().filter(|one| matches!(one, Somebody::AnyoneIn(_)) == anyone).map(Somebody::kept).collect();
            (!who.is_empty()).then(|| Gain {
                who,
                anyone,
                environment: environment.clone(),
                namespace: namespace.clone(),
                as_owner,
                holds: holds.iter().chain(&rest).cloned().collect(),
            })
        };
        [of(false), of(true)].into_iter().flatten().collect()
    }

    /// The groups of each way that gives them something they had not.
    fn ways(&self) -> Vec<BTreeSet<String>> {
        let comes = |via: &&Via| matches!(via.standing, Standing::New | Standing::Changed);
        self.via.iter().filter(comes).map(|via| via.groups.iter().map(GroupLabel::kept).collect()).collect()
    }

    /// Whether it is about what owners of a group can come to.
    pub fn is_owner(&self) -> bool {
        matches!(self.bearing, Bearing::Owner(_) | Bearing::OwningApp(_))
    }
}

impl AccessDifference {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.unseen.is_empty()
    }

    /// What people come to have, to be held against what a later plan gives them.
    pub fn gains(&self) -> Vec<Gain> {
        let mut gains: Vec<Gain> =
            self.rows.iter().filter(|row| !row.after.is_empty()).flat_map(AccessRow::gains).collect();
        gains.sort();
        gains
    }

    /// What people come to that they have not now, to be held against what was shown.
    pub fn coming(&self) -> Vec<Coming> {
        let of = |row: &AccessRow| {
            let ways = row.ways();
            let coming =
                move |gain| Coming { gain, gained: row.gained.clone(), roles: row.after.clone(), ways: ways.clone() };
            row.gains().into_iter().map(coming).collect::<Vec<_>>()
        };
        self.rows.iter().filter(|row| !row.gained.is_empty()).flat_map(of).collect()
    }

    /// Each person, or whoever else is named, counted once.
    pub fn counts(&self) -> AccessCounts {
        self.counts_of(|_| true)
    }

    /// The same of some of them.
    pub fn counts_of(&self, is_counted: impl Fn(&Somebody) -> bool) -> AccessCounts {
        let mut of = BTreeMap::<&Somebody, Happening>::new();
        for row in &self.rows {
            let is_real = row.bearing == Bearing::Token;
            for who in row.who.iter().filter(|who| is_counted(who)) {
                let seen = of.entry(who).or_default();
                seen.gains |= is_real && matches!(row.effect, AccessEffect::Gains | AccessEffect::Both);
                seen.loses |= is_real && matches!(row.effect, AccessEffect::Loses | AccessEffect::Both);
                if row.is_owner() {
                    seen.owns |= row.effect != AccessEffect::Loses;
                    seen.owned |= row.effect == AccessEffect::Loses;
                }
                seen.masters |= row.is_master();
            }
        }
        let mut counts = AccessCounts::default();
        for seen in of.into_values() {
            match (seen.gains, seen.loses) {
                (true, false) => counts.gain += 1,
                (false, true) => counts.lose += 1,
                (true, true) => counts.both += 1,
                (false, false) => counts.unchanged += usize::from(!seen.owns && !seen.owned),
            }
            counts.owners += usize::from(seen.owns);
            counts.former_owners += usize::from(seen.owned && !seen.owns);
            counts.masters += usize::from(seen.masters);
        }
        counts
    }

    /// Whether somebody loses something by leaving a group: a token that is there already does not know of it.
    pub fn waits_for_tokens(&self) -> bool {
        let by_leaving = |via: &Via| {
            let leaves = |cause: &Cause| matches!(cause, Cause::Member | Cause::Nested(_) | Cause::Deleted(_));
            // Without its binding, a group gives nothing to any token.
            let at_once = via.causes.contains(&Cause::Binding);
            via.standing == Standing::Gone && via.causes.iter().any(leaves) && !at_once
        };
        self.rows.iter().any(|row| {
            row.bearing == Bearing::Token
                && matches!(row.effect, AccessEffect::Loses | AccessEffect::Both)
                && row.via.iter().any(by_leaving)
        })
    }
}
