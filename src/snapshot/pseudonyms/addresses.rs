//! Mail addresses and user principal names, whatever they stand in: `oidc:gina@contoso.com`, `/users/gina%40contoso.com/*`.

use std::ops::Range;

/// What stands between the two parts of an address, as it is and in a path.
const SIGNS: [&str; 2] = ["@", "%40"];

/// What the part in front of the `@` of a guest's user principal name ends with.
const GUEST: &str = "#ext#";

/// Where addresses stand in a text, from left to right. A prefix of an identity provider is no part of one.
pub(super) fn places(text: &str) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some((sign, length)) = next_sign(text, from) {
        let after = sign + length;
        let earliest = places.last().map_or(0, |place| place.end);
        let local = text.get(earliest..sign).map_or(0, local_part);
        let domain = text.get(after..).map_or(0, domain_part);
        if local > 0 && domain > 0 {
            places.push(sign - local..after + domain);
        }
        from = after + domain;
    }
    places
}

/// The addresses in a text, each as it would be written.
pub(super) fn of(text: &str) -> impl Iterator<Item = String> + '_ {
    places(text).into_iter().filter_map(move |place| text.get(place)).map(|found| found.replace("%40", "@"))
}

/// The mail address in a guest's user principal name: `ana@partner.example` of `ana_partner.example#EXT#@contoso.com`.
pub(super) fn of_guest(address: &str) -> Option<String> {
    let at = address.to_ascii_lowercase().find(GUEST)?;
    let (local, domain) = address.get(..at)?.rsplit_once('_')?;
    Some(format!("{local}@{domain}"))
}

fn next_sign(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    SIGNS.iter().filter_map(|sign| rest.find(sign).map(|at| (from + at, sign.len()))).min()
}

/// How many bytes of the end of a text are the first part of an address.
fn local_part(before: &str) -> usize {
    let is_of_it = |character: char| character.is_alphanumeric() || "._-+'’!^~#".contains(character);
    let start = before.char_indices().rev().take_while(|(_, character)| is_of_it(*character)).last();
    let local = start.and_then(|(start, _)| before.get(start..)).unwrap_or_default();
    // What an issuer puts in front ends in `#`, and a guest's own part does.
    let is_guest = local.to_ascii_lowercase().ends_with(GUEST);
    let end = if is_guest { local.len() - GUEST.len() } else { local.len() };
    let own = local.get(..end).and_then(|own| own.rfind('#')).map_or(0, |sign| sign + 1);
    if own == end { 0 } else { local.len() - own }
}

/// How many bytes of the beginning of a text are a domain: two labels at least.
fn domain_part(after: &str) -> usize {
    let is_of_it = |character: char| character.is_alphanumeric() || ".-".contains(character);
    let end = after.find(|character| !is_of_it(character)).unwrap_or(after.len());
    let domain = after.get(..end).unwrap_or_default().trim_end_matches(['.', '-']);
    let is_one = domain.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && !rest.is_empty());
    if is_one { domain.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_whatever_it_stands_in() {
        for (text, found) in [
            ("gina@contoso.com", vec!["gina@contoso.com"]),
            ("oidc:Gina.O'Hara+ci@Contoso.com", vec!["Gina.O'Hara+ci@Contoso.com"]),
            ("https://login.example/v2.0#gina@contoso.com", vec!["gina@contoso.com"]),
            ("https://issuer/#gina@contoso.com.", vec!["gina@contoso.com"]),
            ("/users/gina%40contoso.com/*", vec!["gina@contoso.com"]),
            ("x#ana_partner.example#EXT#@contoso.com", vec!["ana_partner.example#EXT#@contoso.com"]),
            ("ask gina@contoso.com, ünal@contoso.com*", vec!["gina@contoso.com", "ünal@contoso.com"]),
            ("a@b.com@c.com", vec!["a@b.com"]),
            ("deploy@k3s", vec![]),
            ("@contoso.com", vec![]),
            ("x/#@contoso.com", vec![]),
            ("gina@", vec![]),
            ("ü@é.", vec![]),
        ] {
            assert_eq!(of(text).collect::<Vec<_>>(), found, "{text}");
        }
        assert_eq!(of_guest("ana_partner.example#EXT#@contoso.com").unwrap(), "ana@partner.example");
        assert_eq!(of_guest("gina@contoso.com"), None);
    }
}
