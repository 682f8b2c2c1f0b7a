//! The access difference in its published form.

use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{role_ref, rule, texts};
use super::v1::{RoleRef, Rule};
use crate::access::difference::{
    self, AccessDifference, AccessEffect, AccessRow, Cause, GroupLabel, Somebody, Standing, Unseen, Via,
};

/// What the changes mean for people.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    /// How many people it is about, each counted once.
    counts: Counts,
    /// A row for everybody to whom the same happens at the same place; everybody is named.
    rows: Vec<Row>,
    /// What could not be seen, so that a row may be missing or wrong.
    unseen: Vec<NotSeen>,
    /// Whether somebody loses something by leaving a group, which a token that was issued before does not know.
    waits_for_tokens: bool,
}

/// People by what happens to them in all.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Counts {
    /// Who only gain.
    gain: usize,
    /// Who only lose.
    lose: usize,
    /// Who do both.
    both: usize,
    /// For whom nothing changes although something was changed.
    unchanged: usize,
    /// Who own a group that would now give them more: they can make themselves members, and apps can put others in.
    owners: usize,
    /// Who can no longer have something in that way, and come to nothing more.
    former_owners: usize,
    /// Who come to cluster-admin or its like.
    masters: usize,
}

/// What happens to some people at one place.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Row {
    /// To whom.
    who: Vec<Who>,
    /// On which cluster.
    environment: String,
    /// Where there; `null` is the whole cluster.
    namespace: Option<String>,
    /// What it comes to.
    effect: Effect,
    /// Whether they come to cluster-admin or its like.
    masters: bool,
    /// How.
    leads: Vec<String>,
    /// By what it is theirs.
    bearing: Bearing,
    /// For `owner`: the key of the group, or the object id of one that has none.
    owned: Option<String>,
    /// For `too-many-groups`: in how many they are.
    groups: Option<usize>,
    /// The roles that they have there before, without those of which another has everything.
    before: Vec<RoleRef>,
    /// The same after.
    after: Vec<RoleRef>,
    /// What they could not do before.
    gained: Vec<Rule>,
    /// What they can no longer do.
    lost: Vec<Rule>,
    /// Through what.
    via: Vec<Way>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Effect {
    Gains,
    Loses,
    Both,
    Same,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Bearing {
    /// What their token says.
    Token,
    /// Nothing: a token of an app carries no groups.
    NoGroups,
    /// Nothing while they are in more groups than a token carries, so that it carries none.
    TooManyGroups,
    /// They own a group and can make themselves a member; an app, to which groups are worth nothing, can put others in.
    Owner,
}

/// Whom it is about.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Who {
    /// A user, a guest or an app.
    Person { name: String, id: Option<String>, disabled: bool },
    /// A service account of the cluster.
    ServiceAccount { namespace: String, name: String },
    /// A user name of the cluster that is nobody's whom the files know.
    User { name: String },
    /// Whoever is in a group, where nobody knows who is.
    AnyoneIn { group: Group },
}

/// A group.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Group {
    /// Its key, for one of the files.
    key: Option<String>,
    /// Its object id, for one of others.
    id: Option<String>,
    /// What it is called, where that is known.
    name: Option<String>,
}

/// One way in which somebody has a role.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Way {
    /// What becomes of it.
    standing: WayStanding,
    /// The groups, from the one that they are in to the one that is bound; empty where they are bound by name.
    groups: Vec<Group>,
    /// Why it comes, goes or changes.
    causes: Vec<Reason>,
    /// The role.
    role: RoleRef,
    /// Where its binding holds; `null` is the whole cluster.
    namespace: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum WayStanding {
    New,
    Gone,
    Changed,
    Kept,
}

/// Why a way comes, goes or changes.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Reason {
    /// They become a member, or no longer are one.
    Member,
    /// A group on the way becomes a member of the next, or no longer is one.
    Nested { group: Group },
    /// A group on the way is deleted.
    Deleted { group: Group },
    /// The binding is made or taken away.
    Binding,
    /// The role's rules change.
    Role,
    /// They come to be in more groups than a token carries, or no longer are.
    TooManyGroups,
}

/// Something that could not be seen.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum NotSeen {
    /// A cluster that was not read.
    Cluster { environment: String },
    /// Who is in a group.
    Members { group: Group, why: String },
    /// Whether whoever leaves a group that is not ours with one of ours stays in it by another way.
    Ways { group: Group, why: String },
    /// Which groups a group is in, so that it is not known what whoever joins or leaves it has by those.
    Above { group: Group, why: String },
    /// Who comes back with a group that is restored.
    Restored { key: String },
    /// A binding names a group that Entra does not have.
    NoGroup { environment: String, id: String },
}

pub(super) fn access(difference: &AccessDifference) -> Access {
    let counts = difference.counts();
    Access {
        counts: Counts {
            gain: counts.gain,
            lose: counts.lose,
            both: counts.both,
            unchanged: counts.unchanged,
            owners: counts.owners,
            former_owners: counts.former_owners,
            masters: counts.masters,
        },
        rows: difference.rows.iter().map(row).collect(),
        unseen: difference.unseen.iter().map(unseen).collect(),
        waits_for_tokens: difference.waits_for_tokens(),
    }
}

fn row(row: &AccessRow) -> Row {
    let (bearing, owned, groups) = match &row.bearing {
        difference::Bearing::Token => (Bearing::Token, None, None),
        difference::Bearing::NoGroups => (Bearing::NoGroups, None, None),
        difference::Bearing::TooManyGroups(groups) => (Bearing::TooManyGroups, None, Some(*groups)),
        difference::Bearing::Owner(owned) | difference::Bearing::OwningApp(owned) => {
            let owned = match owned {
                GroupLabel::Key(key) => key.to_string(),
                GroupLabel::Other(id, _) => id.to_string(),
                GroupLabel::Named(name) => name.clone(),
            };
            (Bearing::Owner, Some(owned), None)
        }
    };
    Row {
        who: row.who.iter().map(who).collect(),
        environment: row.environment.to_string(),
        namespace: row.namespace.as_ref().map(ToString::to_string),
        effect: match row.effect {
            AccessEffect::Gains => Effect::Gains,
            AccessEffect::Loses => Effect::Loses,
            AccessEffect::Both => Effect::Both,
            AccessEffect::Same => Effect::Same,
        },
        masters: row.is_master(),
        leads: row.leads.iter().map(|way| way.name().to_owned()).collect(),
        bearing,
        owned,
        groups,
        before: row.before.iter().map(role_ref).collect(),
        after: row.after.iter().map(role_ref).collect(),
        gained: row.gained.iter().map(rule).collect(),
        lost: row.lost.iter().map(rule).collect(),
        via: row.via.iter().map(way).collect(),
    }
}

fn who(who: &Somebody) -> Who {
    match who {
        Somebody::Person { name, id, disabled } => {
            Who::Person { name: name.to_string(), id: texts(id).pop(), disabled: *disabled }
        }
        Somebody::ServiceAccount { namespace, name } => {
            Who::ServiceAccount { namespace: namespace.clone(), name: name.clone() }
        }
        Somebody::User(name) => Who::User { name: name.clone() },
        Somebody::AnyoneIn(label) => Who::AnyoneIn { group: group(label) },
    }
}

fn group(label: &GroupLabel) -> Group {
    match label {
        GroupLabel::Key(key) => Group { key: Some(key.to_string()), id: None, name: None },
        GroupLabel::Other(id, name) => Group { key: None, id: Some(id.to_string()), name: name.clone() },
        GroupLabel::Named(name) => Group { key: None, id: None, name: Some(name.clone()) },
    }
}

fn way(via: &Via) -> Way {
    Way {
        standing: match via.standing {
            Standing::New => WayStanding::New,
            Standing::Gone => WayStanding::Gone,
            Standing::Changed => WayStanding::Changed,
            Standing::Kept => WayStanding::Kept,
        },
        groups: via.groups.iter().map(group).collect(),
        causes: via
            .causes
            .iter()
            .map(|cause| match cause {
                Cause::Member => Reason::Member,
                Cause::Nested(inner) => Reason::Nested { group: group(inner) },
                Cause::Deleted(gone) => Reason::Deleted { group: group(gone) },
                Cause::Binding => Reason::Binding,
                Cause::Role => Reason::Role,
                Cause::TooManyGroups => Reason::TooManyGroups,
            })
            .collect(),
        role: role_ref(&via.role),
        namespace: via.namespace.as_ref().map(ToString::to_string),
    }
}

fn unseen(unseen: &Unseen) -> NotSeen {
    match unseen {
        Unseen::Cluster(name) => NotSeen::Cluster { environment: name.to_string() },
        Unseen::Members(label, why) => NotSeen::Members { group: group(label), why: why.clone() },
        Unseen::Ways(label, why) => NotSeen::Ways { group: group(label), why: why.clone() },
        Unseen::Above(label, why) => NotSeen::Above { group: group(label), why: why.clone() },
        Unseen::Restored(key) => NotSeen::Restored { key: key.to_string() },
        Unseen::NoGroup(environment, id) => {
            NotSeen::NoGroup { environment: environment.to_string(), id: id.to_string() }
        }
    }
}
