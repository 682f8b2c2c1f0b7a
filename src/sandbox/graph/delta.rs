//! `/groups/delta`: what changed since a token was given (entra.md §2.7).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::Call;
use super::error::Refusal;
use super::filter::Filter;
use super::object::{Object, Type, View};
use super::permission::{READ_GROUPS, READ_MEMBERS};
use super::query::Extra;
use super::state::{Group, Tenant};
use super::token;
use crate::state::ObjectId;

/// Groups and members on one page; a group with more members goes on on the next one.
const PAGE: usize = 1000;
/// The most groups on one page.
const MOST_GROUPS: usize = 100;
/// The most ids in a filter.
const MOST_IDS: usize = 50;
const DAY: i64 = 24 * 60 * 60;
/// How long a token of a directory object is good.
const TOKEN_LIFE: i64 = 7 * DAY;
/// From here on it is refused in other words.
const TOKEN_MEMORY: i64 = 30 * DAY;

/// What a token carries: where the client is, and the options of its first request.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Token {
    /// Everything up to this change is known to the client; none when nothing is.
    since: Option<u64>,
    /// The change up to which this round goes; none once it is over.
    round: Option<Round>,
    /// When it was given, in seconds.
    given: i64,
    select: Option<Vec<String>>,
    ids: Option<BTreeSet<ObjectId>>,
    /// `Prefer: return=minimal`.
    minimal: bool,
}

/// A round that is not over.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Round {
    until: u64,
    /// The group that the last page ended with, and the member within it where it was cut.
    after: Option<(ObjectId, Option<ObjectId>)>,
}

/// What is said of one group.
struct Entry<'t> {
    id: ObjectId,
    said: Said<'t>,
    /// Members that came (`true`) and went, by id.
    members: Vec<(ObjectId, bool)>,
}

enum Said<'t> {
    /// Its properties, or only that members changed.
    Live { group: &'t Group, changed: bool },
    /// It is among the deleted items, or gone for good.
    Removed { reason: &'static str },
}

/// One page, or the link to come back with. `hidden` is the first change that this replica does not know yet.
pub(super) fn answer(tenant: &Tenant, call: &Call<'_>, hidden: Option<u64>) -> Result<Answer, Refusal> {
    call.caller.require(READ_GROUPS)?;
    let query = &call.query;
    let newest = hidden.unwrap_or(tenant.sequence);
    let mut token = match query.delta_token.as_deref().or(query.skip_token.as_deref()) {
        None => first(call)?,
        Some("latest") => {
            let token = Token { since: Some(newest), ..first(call)? };
            return Ok(Answer::ok(page(call, token.link(tenant, call), Vec::new())));
        }
        Some(sealed) => match resumed(tenant, call, sealed)? {
            Resumed::Token(token) => *token,
            Resumed::TooOld(answer) => return Ok(answer),
        },
    };
    let round = token.round.take().unwrap_or(Round { until: newest.max(token.since.unwrap_or(0)), after: None });
    let shows_members = token.select.as_ref().is_none_or(|names| names.iter().any(|name| name == "members"))
        && call.caller.may(READ_MEMBERS);
    let from = round.after.map(|(id, _)| id);
    let mut value = Vec::new();
    let mut room = PAGE;
    let mut last = round.after;
    let mut is_over = true;
    for entry in entries(tenant, &token, round.until, shows_members) {
        if from.is_some_and(|from| entry.id < from) {
            continue;
        }
        let resumed = round.after.filter(|(id, _)| *id == entry.id);
        let left = match resumed {
            None => entry.members.as_slice(),
            // All of it was said.
            Some((_, None)) => continue,
            Some((_, Some(member))) => {
                let said = entry.members.partition_point(|(id, _)| *id <= member);
                entry.members.get(said..).unwrap_or_default()
            }
        };
        if value.len() == MOST_GROUPS || room == 0 {
            is_over = false;
            break;
        }
        let here = left.get(..left.len().min(room)).unwrap_or_default();
        room = room.saturating_sub(here.len() + 1);
        value.push(entry.show(tenant, call, &token, here, resumed.is_some()));
        if here.len() < left.len() {
            last = Some((entry.id, here.last().map(|(id, _)| *id).or(resumed.and_then(|(_, member)| member))));
            is_over = false;
            break;
        }
        last = Some((entry.id, None));
    }
    if is_over {
        token.since = Some(round.until);
    } else {
        token.round = Some(Round { after: last, ..round });
    }
    Ok(Answer::ok(page(call, token.link(tenant, call), value)))
}

fn page(call: &Call<'_>, (name, link): (&str, String), value: Vec<Value>) -> Value {
    let mut page = json!({"@odata.context": call.context("groups"), name: link});
    page["value"] = Value::Array(value);
    page
}

/// The options of a first request, which the tokens carry from then on.
fn first(call: &Call<'_>) -> Result<Token, Refusal> {
    let query = &call.query;
    let unsupported =
        |option: &str| Refusal::unsupported_query(format!("{option} is not supported with delta queries."));
    if query.top.is_some() {
        return Err(unsupported("$top"));
    }
    if query.has(Extra::OrderBy) || query.has(Extra::Search) || query.count {
        return Err(unsupported("$orderby, $search or $count"));
    }
    // What older clients send to have members, who are there without it.
    if query.expand.as_deref().is_some_and(|expand| expand != "members") {
        return Err(unsupported("$expand"));
    }
    for name in query.select.iter().flatten().filter(|name| !matches!(name.as_str(), "members" | "owners")) {
        if !Type::Group.has(name) {
            return Err(Refusal::malformed(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type \
                 'microsoft.graph.group'."
            )));
        }
    }
    if query.select.iter().flatten().any(|name| name == "owners") {
        return Err(Refusal::not_modelled("delta of owners"));
    }
    let ids = match query.filter.as_deref().map(Filter::parse).transpose()? {
        None => None,
        Some(filter) => {
            Some(filter.ids().filter(|ids| ids.len() <= MOST_IDS).ok_or_else(|| unsupported("This $filter"))?)
        }
    };
    let minimal = call.prefer.as_deref().is_some_and(|prefer| prefer.contains("return=minimal"));
    Ok(Token { since: None, round: None, given: call.now.as_second(), select: query.select.clone(), ids, minimal })
}

enum Resumed {
    Token(Box<Token>),
    TooOld(Answer),
}

fn resumed(tenant: &Tenant, call: &Call<'_>, sealed: &str) -> Result<Resumed, Refusal> {
    if call.query.select.is_some() || call.query.filter.is_some() || call.query.top.is_some() {
        return Err(Refusal::unsupported_query("The options of a delta query are in its token, and given once."));
    }
    // An empty token is what a resynchronisation starts with.
    if sealed.is_empty() {
        return Ok(Resumed::Token(Box::new(first(call)?)));
    }
    let token: Token = token::unseal(tenant, sealed).ok_or_else(|| {
        Refusal::bad_request("Badly formed token. The deltatoken or skiptoken of this request is not valid.")
    })?;
    match call.now.as_second().saturating_sub(token.given) {
        age if age > TOKEN_MEMORY => Err(Refusal::unsupported_query("DeltaLink older than 30 days is not supported.")),
        age if age > TOKEN_LIFE => {
            let url = format!("{}/{}/groups/delta", call.origin, call.version);
            Ok(Resumed::TooOld(super::respond::resync(&url, call.ids)))
        }
        _ => Ok(Resumed::Token(Box::new(token))),
    }
}

impl Token {
    /// The link that carries on: to the next page, or to the next round.
    fn link(mut self, tenant: &Tenant, call: &Call<'_>) -> (&'static str, String) {
        let (name, option) = if self.round.is_some() {
            ("@odata.nextLink", "$skiptoken")
        } else {
            self.given = call.now.as_second();
            ("@odata.deltaLink", "$deltatoken")
        };
        let sealed = token::seal(tenant, &self);
        (name, format!("{}/{}/groups/delta?{option}={sealed}", call.origin, call.version))
    }
}

/// What is to be said of each group, by id: everything there is at the start, and then what changed.
fn entries<'t>(
    tenant: &'t Tenant,
    token: &'t Token,
    until: u64,
    shows_members: bool,
) -> Box<dyn Iterator<Item = Entry<'t>> + 't> {
    let wanted = |id: &ObjectId| token.ids.as_ref().is_none_or(|ids| ids.contains(id));
    let live = |id: &ObjectId| tenant.object(*id).is_some();
    let Some(since) = token.since else {
        // A group that a change after `until` made comes with the next round as well: replays happen.
        let all = tenant.groups.values().filter(move |group| wanted(&group.id));
        return Box::new(all.map(move |group| {
            let members = group.members.iter().filter(|id| shows_members && live(id)).map(|id| (*id, true)).collect();
            Entry { id: group.id, said: Said::Live { group, changed: true }, members }
        }));
    };
    let in_round = move |sequence: u64| sequence > since && sequence <= until;
    Box::new(tenant.touched.iter().filter(move |(id, _)| wanted(id)).filter_map(move |(id, touched)| {
        let changed = in_round(touched.group);
        let Some(group) = tenant.groups.get(id) else {
            let reason = if tenant.deleted_groups.contains_key(id) { "changed" } else { "deleted" };
            return changed.then(|| Entry { id: *id, said: Said::Removed { reason }, members: Vec::new() });
        };
        let members = touched.members.iter().filter(|(_, sequence)| shows_members && in_round(**sequence));
        let members = members.map(|(member, _)| (*member, group.members.contains(member) && live(member)));
        let members = members.collect::<Vec<_>>();
        (changed || !members.is_empty()).then_some(Entry { id: *id, said: Said::Live { group, changed }, members })
    }))
}

impl Entry<'_> {
    fn show(
        &self,
        tenant: &Tenant,
        call: &Call<'_>,
        token: &Token,
        members: &[(ObjectId, bool)],
        continued: bool,
    ) -> Value {
        let mut shown = match &self.said {
            Said::Removed { reason } => return json!({"id": self.id, "@removed": {"reason": reason}}),
            // The rest of its members, or nothing but members: its properties were said, or did not change.
            Said::Live { changed, .. } if continued || token.minimal && !changed => Map::new(),
            Said::Live { group, .. } => {
                let of_group = |names: &Vec<String>| names.iter().filter(|name| *name != "members").cloned().collect();
                let select: Option<Vec<String>> = token.select.as_ref().map(of_group);
                Object::Group(group).show(call.caller, View { select: select.as_deref(), typed: false })
            }
        };
        shown.insert("id".to_owned(), json!(self.id));
        if !members.is_empty() {
            let show = |(id, is_there): &(ObjectId, bool)| {
                let kind = tenant.object(*id).map_or(Type::User, Object::kind).odata();
                if *is_there {
                    json!({"@odata.type": kind, "id": id})
                } else {
                    json!({"@odata.type": kind, "id": id, "@removed": {"reason": "deleted"}})
                }
            };
            shown.insert("members@delta".to_owned(), members.iter().map(show).collect());
        }
        Value::Object(shown)
    }
}
