//! A group that goes.

use std::collections::BTreeSet;

use super::{
    Asked, Edit, FORM, List, NO_GROUP, Texts, begins_line, ends_line, grant, line_start, map, next_line, next_token,
    spliced,
};
use crate::state::{GroupKey, PrincipalName};

/// Takes a group out: out of grants and lists of others, and its block.
pub(super) fn take_out(texts: &mut Texts, key: &GroupKey) -> Result<(), String> {
    let (config, _) = texts.load()?;
    let name = PrincipalName::Group(key.clone());
    let given = config.grants.iter().map(super::product::Product::of);
    let gone: BTreeSet<Asked> =
        given.flat_map(|product| product.each()).filter(|asked| asked.subject == name).collect();
    if !gone.is_empty() {
        grant::revoke(texts, &gone)?;
    }
    for (other, block) in config.groups.iter().filter(|(other, _)| *other != key) {
        for (list, people) in [(List::Members, &block.members), (List::Absent, &block.absent)] {
            if people.iter().any(|each| each.value == name) {
                let (group, remove) = (other.clone(), vec![name.clone()]);
                texts.make(&Edit::List { group, list, remove, add: Vec::new() })?;
            }
        }
    }
    let path = texts.groups.get(key.as_str()).cloned().ok_or(NO_GROUP)?;
    texts.change(&path, |text, root| {
        let groups = root.entry("groups").ok_or(NO_GROUP)?;
        let block = groups.value.entry(key.as_str()).ok_or(NO_GROUP)?;
        if groups.value.entries().len() > 1 {
            return map::without(text, &groups.value, block);
        }
        // Nothing is left but the word that it stood behind.
        let (colon, _) = next_token(text, groups.key.span.end).filter(|(_, found)| *found == b':').ok_or(FORM)?;
        let span = groups.value.span;
        if next_token(text, colon + 1).is_none_or(|(at, _)| at != span.start) {
            return Err(FORM);
        }
        if text.as_bytes().get(span.start) == Some(&b'{') {
            return spliced(text, span.start, span.end, "{}");
        }
        let end = text.get(..span.end).ok_or(FORM)?.trim_end().len();
        if !ends_line(text, colon + 1) || !begins_line(text, span.start) || !ends_line(text, end) {
            return Err(FORM);
        }
        let without = spliced(text, line_start(text, span.start), next_line(text, end), "")?;
        spliced(&without, colon + 1, colon + 1, " {}")
    })?;
    texts.groups.remove(key.as_str());
    Ok(())
}
