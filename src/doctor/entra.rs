//! The tenant: what the token allows, and what a few small reads have shown.

use std::collections::BTreeSet;

use super::permissions::{self, Need, When};
use super::{Examined, Line, Purpose, Sign, asks_about, network};
use crate::state::{Acting, Failure, FailureKind, GroupKey, TenantCheckup, all_of};

/// Directory roles that let a person write groups, by the template id that is the same in every tenant.
const WRITING_ROLES: [(&str, &str); 4] = [
    ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator"),
    ("fdd7a751-b60b-444a-984c-02652fe8fa1c", "Groups Administrator"),
    ("fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator"),
    ("9360feb5-f418-4baa-8175-e2a00bac4301", "Directory Writers"),
];
/// The scope of the Azure CLI: whatever the person may do in the directory.
const AS_USER: &str = "Directory.AccessAsUser.All";

pub(super) fn lines(examined: &Examined<'_>) -> Vec<Line> {
    let entra = &examined.entra;
    let ca = "name its CA as `entra: { ca-file: … }` in a --connections file";
    let mut lines: Vec<Line> = entra.tls.iter().map(|handshake| network::tls(handshake, examined.now, ca)).collect();
    for (origin, heard) in &entra.heard {
        let server = origin.split("://").nth(1).unwrap_or(origin);
        lines.extend(network::clock(server, heard.ahead));
        lines.extend(network::throttle(server, heard));
    }
    let tenant = match &entra.tenant {
        Some(Ok(tenant)) => {
            lines.extend(
                reads(tenant)
                    .into_iter()
                    .filter(|(is_refusal, _)| !is_refusal || !lacks(examined))
                    .map(|(_, line)| line),
            );
            Some(tenant)
        }
        Some(Err(failure)) => {
            lines.push(Line::failed(Purpose::Plan, "tenant", failure, "check the network and the proxy"));
            None
        }
        None => None,
    };
    let Ok(acting) = &entra.acting else {
        lines.push(Line::new(Sign::Note, "permission", "permissions: not known without a token"));
        return lines;
    };
    lines.extend(tenant.and_then(|tenant| service_principals(examined, tenant)));
    let nothing = BTreeSet::new();
    let role_assignable =
        tenant.and_then(|tenant| tenant.groups.as_ref().ok()).map_or(&nothing, |groups| &groups.role_assignable);
    let needed: Vec<&Need> = permissions::needs(examined.desired, !role_assignable.is_empty())
        .filter(|need| asks_about(examined.purpose, need.purpose))
        .collect();
    match &acting.scopes {
        None => lines.extend(app(acting, &needed, role_assignable)),
        Some(scopes) => lines.extend(person(acting, scopes, &needed)),
    }
    lines
}

/// Whether the token of an app lacks something that reading needs: then a refusal says nothing more.
fn lacks(examined: &Examined<'_>) -> bool {
    let Ok(acting) = &examined.entra.acting else { return false };
    let mut reading =
        permissions::needs(examined.desired, false).filter(|need| need.purpose == Purpose::Plan && !need.is_optional());
    acting.scopes.is_none() && reading.any(|need| holds(&acting.roles, need).is_none())
}

/// What the small reads have shown, and whether each is a refusal.
fn reads(tenant: &TenantCheckup) -> Vec<(bool, Line)> {
    let name = tenant.domain.as_deref().unwrap_or("the tenant");
    let failed = |failure: &Failure| {
        let line = Line::failed(Purpose::Plan, "tenant-read", failure, "see the permissions below");
        (failure.kind == FailureKind::Forbidden, line)
    };
    let mut lines = Vec::new();
    match &tenant.groups {
        Ok(groups) => {
            let text = format!("{name} answers; {} of the config's groups are there", groups.live);
            lines.push((false, Line::new(Sign::Fine, "tenant-read", text)));
            lines.extend(groups.deleted.as_ref().map(failed));
        }
        Err(failure) => lines.push(failed(failure)),
    }
    lines.extend(tenant.users.as_ref().map(failed));
    if let Some(why) = &tenant.privileged {
        let line = Line::new(Sign::Decide, "tenant-read", why.clone())
            .next("until it can be read, removals of members are withheld; where PIM is not in use, say `pim: none`");
        lines.push((true, line));
    }
    lines
}

fn service_principals(examined: &Examined<'_>, tenant: &TenantCheckup) -> Option<Line> {
    let appliers = &examined.desired.appliers;
    match &tenant.appliers {
        Ok(found) => {
            let absent: Vec<_> = appliers.iter().filter(|app| !found.contains_key(*app)).collect();
            if absent.is_empty() {
                let text = "every one of `appliers` has a service principal in the tenant";
                return Some(Line::new(Sign::Fine, "appliers", text));
            }
            let text = format!("no service principal in the tenant for the applier {}", all_of(absent));
            let next = "correct the app id in `appliers`, or create it: `az ad sp create --id APP`";
            Some(Line::new(Sign::Decide, "appliers", text).next(next))
        }
        Err(failure) if failure.kind == FailureKind::Forbidden && lacks(examined) => None,
        Err(failure) => Some(Line::failed(Purpose::Plan, "appliers", failure, "see the permissions below")),
    }
}

/// An app acts by the permissions in its token, and by nothing else.
fn app(acting: &Acting, needed: &[&Need], role_assignable: &BTreeSet<GroupKey>) -> Vec<Line> {
    let mut lines = Vec::new();
    for purpose in [Purpose::Plan, Purpose::Apply] {
        let asked = needed.iter().filter(|need| need.purpose == purpose && !need.is_optional());
        let held = asked.filter_map(|need| {
            let name = holds(&acting.roles, need)?;
            Some(if name == need.permission { name.to_owned() } else { format!("{} (by {name})", need.permission) })
        });
        let held: Vec<String> = held.collect();
        if !held.is_empty() {
            let text = format!("permissions for {}: {}", purpose.command(), all_of(held));
            lines.push(Line::new(Sign::Fine, "permission", text));
        }
    }
    let is_missing = |need: &&&Need| !need.is_optional() && holds(&acting.roles, need).is_none();
    lines.extend(needed.iter().filter(is_missing).map(|need| {
        let text =
            format!("for {}: `{}` is missing; without it {}", need.purpose.command(), need.permission, need.without);
        let give = format!("give {} this application permission of Microsoft Graph, with admin consent", acting.label);
        let next = match need.when {
            When::Pim => format!("{give}; or say `tenant: {{ pim: none }}` where PIM is not in use"),
            When::RoleAssignable => {
                format!(
                    "take {} out of the files rather than give it: its holder is Global Administrator",
                    all_of(role_assignable)
                )
            }
            When::Always | When::MembersOnly | When::Groups | When::Optional => give,
        };
        Line::new(Sign::Missing(need.purpose), "permission", text).next(next)
    }));
    lines.extend(needed.iter().filter(|need| need.is_optional()).map(|need| {
        let (command, name) = (need.command(), need.permission);
        if holds(&acting.roles, need).is_some() {
            return Line::new(Sign::Fine, "permission", format!("permission for {command}: {name}"));
        }
        let text = format!("for {command}: `{name}` is not held, and need not be; without it {}", need.without);
        Line::new(Sign::Note, "permission", text)
    }));
    lines.extend(beyond(acting, needed));
    lines
}

/// The permission that satisfies a need: itself, or one that does as well.
fn holds<'a>(held: &'a BTreeSet<String>, need: &Need) -> Option<&'a str> {
    let names = std::iter::once(need.permission).chain(need.instead.iter().copied());
    names.into_iter().find_map(|name| held.get(name)).map(String::as_str)
}

fn beyond(acting: &Acting, needed: &[&Need]) -> Vec<Line> {
    let (mut lines, mut harmless) = (Vec::new(), Vec::new());
    for permission in &acting.roles {
        if needed.iter().any(|need| need.permission == permission) {
            continue;
        }
        let Some(could) = permissions::danger(permission, needed) else {
            harmless.push(permission);
            continue;
        };
        let text = format!("beyond need: with `{permission}` somebody could {could}");
        let serves: Vec<&str> = needed
            .iter()
            .filter(|need| holds(&acting.roles, need) == Some(permission))
            .map(|need| need.permission)
            .collect();
        let next =
            if serves.is_empty() { "take it away".to_owned() } else { format!("give {} instead", all_of(serves)) };
        lines.push(Line::new(Sign::Decide, "permission-beyond-need", text).next(next));
    }
    if !harmless.is_empty() {
        let text = format!("held and not needed: {}", all_of(harmless));
        lines.push(Line::new(Sign::Note, "permission-beyond-need", text));
    }
    lines
}

/// A person acts by the smaller of two: what the app they came through may do for them, and what they may do themselves.
/// Only the first stands in a token for certain.
fn person(acting: &Acting, scopes: &BTreeSet<String>, needed: &[&Need]) -> Vec<Line> {
    let roles: Vec<&str> =
        WRITING_ROLES.iter().filter(|(id, _)| acting.directory_roles.contains(*id)).map(|(_, name)| *name).collect();
    let mut lines = vec![Line::new(
        Sign::Note,
        "permission",
        format!(
            "{} is a person: what the token allows ({}) counts only as far as the person's own directory roles go",
            acting.label,
            all_of(scopes)
        ),
    )];
    for need in needed {
        let (name, command) = (need.permission, need.command());
        let as_user = scopes.contains(AS_USER) && need.when != When::Pim;
        if need.is_optional() {
            let may = if as_user || holds(scopes, need).is_some() { "allows" } else { "does not allow" };
            let text =
                format!("for {command}: the token {may} `{name}`, which need not be; without it {}", need.without);
            lines.push(Line::new(Sign::Note, "permission", text));
        } else if !as_user && holds(scopes, need).is_none() {
            let text = format!("for {command}: the token does not allow `{name}`; without it {}", need.without);
            let next = if need.when == When::Pim {
                "removals need an app that holds it, or `tenant: { pim: none }`"
            } else {
                "sign in by an app that asks for it, or use an app's own credential"
            };
            lines.push(Line::new(Sign::Missing(need.purpose), "permission", text).next(next));
        } else if need.purpose == Purpose::Plan {
            let text =
                format!("for {command}: `{name}` is allowed by the token; whether it is enough, the reads above show");
            lines.push(Line::new(Sign::Fine, "permission", text));
        } else if roles.is_empty() || need.when == When::RoleAssignable {
            let text = format!(
                "for {command}: `{name}` is allowed by the token, and the person needs a directory role as well"
            );
            lines.push(
                Line::new(Sign::Decide, "permission", text)
                    .next("it needs e.g. Groups Administrator; `az rest --url https://graph.microsoft.com/v1.0/me/memberOf` lists the roles"),
            );
        } else {
            let text = format!("for {command}: `{name}` is allowed, and the person is {}", all_of(&roles));
            lines.push(Line::new(Sign::Fine, "permission", text));
        }
    }
    lines
}
