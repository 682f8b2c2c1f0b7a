//! From drift to the changes of the files that ask for what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Edit, List, Text, Texts, Why};
use crate::config::{self, File};
use crate::desired;
use crate::diagnostics::SourceMap;
use crate::state::{
    Address, Change, Desired, DesiredGroup, GroupKey, Membership, Operation, Origin, PrincipalName, Resource,
};

/// The files that would ask for what is there.
pub struct Accepted {
    /// Each file that changes: its path below the config's folder, its text before, and after.
    pub files: Vec<(String, String, String)>,
    /// What the changed files ask for as it is.
    pub expressed: BTreeSet<Address>,
    /// What they do not, each with why: a clause.
    pub left: BTreeMap<Address, Why>,
}

const NEW_GROUP: Why = "the files would need a block for this group: write it, or let `apply` delete it";
const GONE_GROUP: Why = "the group is gone: take its block out, and out of the grants and groups that name it";
const MARKS: Why = "its mark of ownership is no text of the files: `apply` sets it right";
const ON_CLUSTER: Why = "it is an object on a cluster: change the grant or the role that asks for it";
const OTHERWISE: Why = "the files would then ask for something else as well, or would not hang together";
const NO_NAME: Why = "no access file can name it";

/// Changes the files so that they ask for what these changes would put right. `desired` is what they ask for now.
pub fn accept(sources: &SourceMap, desired: &Desired, changes: &[Change]) -> Accepted {
    let (edits, mut left) = edits(desired, changes);
    let before = compiled(&Texts::new(sources));
    let mut texts = Texts::new(sources);
    let mut made: Vec<&Accepting> = Vec::new();
    let refuse = |left: &mut BTreeMap<Address, Why>, addresses: &[Address], why: Why| {
        left.extend(addresses.iter().map(|address| (address.clone(), why)));
    };
    for pair in &edits {
        match texts.make(&pair.0) {
            Ok(()) => made.push(pair),
            Err(why) => refuse(&mut left, &pair.1, why),
        }
    }
    let is_meant = |texts: &Texts, made: &[&Accepting]| {
        let expected = before.clone().map(|before| made.iter().fold(before, |asked, (edit, _)| with(asked, edit)));
        expected.is_some() && compiled(texts) == expected
    };
    if !is_meant(&texts, &made) {
        // One of them does something else: each is looked at by itself.
        let all = std::mem::take(&mut made);
        let mut kept = Texts::new(sources);
        for pair in all {
            let mut tried = kept.clone();
            let is_made = tried.make(&pair.0).is_ok();
            made.push(pair);
            if is_made && is_meant(&tried, &made) {
                kept = tried;
            } else {
                made.pop();
                refuse(&mut left, &pair.1, OTHERWISE);
            }
        }
        texts = kept;
    }
    let old: BTreeMap<&str, &str> = sources.iter().map(|(_, file)| (&*file.path, file.text.as_str())).collect();
    let files = texts.iter().filter_map(|(path, text)| {
        let old = old.get(path).copied().unwrap_or_default();
        (old != text).then(|| (path.to_owned(), old.to_owned(), text.to_owned()))
    });
    Accepted {
        files: files.collect(),
        expressed: made.iter().flat_map(|(_, addresses)| addresses.iter().cloned()).collect(),
        left,
    }
}

/// What files ask for, without the lines that ask for it.
fn compiled(texts: &Texts) -> Option<Desired> {
    let files = texts.iter().map(|(path, text)| File::new(path, Ok(text.as_bytes().to_vec()))).collect();
    let loaded = config::read(PathBuf::new(), files);
    loaded.config.map(|config| desired::compile(&config, &SourceMap::default()))
}

/// What is asked for once a change is made.
fn with(mut asked: Desired, edit: &Edit) -> Desired {
    let nowhere = Origin { file: Arc::from(""), line: 0 };
    let (Edit::List { group, .. } | Edit::Text { group, .. }) = edit;
    let Some(block) = asked.groups.get_mut(group) else { return asked };
    match edit {
        Edit::List { list, remove, add, .. } => {
            let people = match list {
                List::Members => &mut block.members,
                List::Absent => &mut block.absent,
                List::Owners => block.owners.get_or_insert_default(),
            };
            people.retain(|name, _| !remove.contains(name));
            people.extend(add.iter().map(|name| (name.clone(), nowhere.clone())));
        }
        Edit::Text { key: Text::Description, value, .. } => block.description.clone_from(value),
        Edit::Text { key: Text::DisplayName, value, .. } => block.display_name.clone_from(value),
    }
    asked
}

/// A change of the files, and what it accepts.
type Accepting = (Edit, Vec<Address>);

type Lists<'c> = BTreeMap<(&'c GroupKey, List), (Vec<PrincipalName>, Vec<PrincipalName>, Vec<Address>)>;

/// The changes of the files, each with what it accepts, and what there is none for.
fn edits(desired: &Desired, changes: &[Change]) -> (Vec<Accepting>, BTreeMap<Address, Why>) {
    let mut lists = Lists::new();
    let mut edits = Vec::new();
    let mut left = BTreeMap::new();
    for change in changes {
        let address = &change.address;
        match address {
            Address::Member(key, who) | Address::Owner(key, who) => {
                let Some(block) = desired.groups.get(key) else {
                    left.insert(address.clone(), NEW_GROUP);
                    continue;
                };
                if matches!(who, PrincipalName::Object(_)) {
                    left.insert(address.clone(), NO_NAME);
                    continue;
                }
                let is_owner = matches!(address, Address::Owner(..));
                let (list, is_added) = list_of(block, is_owner, matches!(change.operation, Operation::Delete { .. }));
                let (remove, add, addresses) = lists.entry((key, list)).or_default();
                if is_added { add } else { remove }.push(who.clone());
                addresses.push(address.clone());
            }
            Address::Group(key) => match texts(key, change) {
                Ok(texts) => edits.extend(texts.into_iter().map(|edit| (edit, vec![address.clone()]))),
                Err(why) => {
                    left.insert(address.clone(), why);
                }
            },
            Address::Object { .. } => {
                left.insert(address.clone(), ON_CLUSTER);
            }
        }
    }
    let lists = lists.into_iter().map(|((group, list), (remove, add, addresses))| {
        (Edit::List { group: group.clone(), list, remove, add }, addresses)
    });
    edits.extend(lists);
    (edits, left)
}

/// Which list says whether somebody is there, and whether they come to it: whoever is in an additive group and must not be
/// is under `absent`.
fn list_of(block: &DesiredGroup, is_owner: bool, is_there: bool) -> (List, bool) {
    match (is_owner, block.membership, is_there) {
        (true, _, _) => (List::Owners, is_there),
        (false, Membership::Additive, true) => (List::Absent, false),
        (false, _, _) => (List::Members, is_there),
    }
}

/// The texts of a group as they are there.
fn texts(key: &GroupKey, change: &Change) -> Result<Vec<Edit>, Why> {
    let (live, asked) = match &change.operation {
        Operation::Update { before: Resource::Group(live), after: Resource::Group(asked) } => (live, asked),
        Operation::Delete { .. } => return Err(NEW_GROUP),
        Operation::Create { .. } | Operation::Restore { .. } | Operation::Update { .. } => return Err(GONE_GROUP),
    };
    if live.mail_nickname != asked.mail_nickname || live.unique_name != asked.unique_name {
        return Err(MARKS);
    }
    let text = |key_of: Text, value: Option<String>| Edit::Text { group: key.clone(), key: key_of, value };
    let mut edits = Vec::new();
    if live.display_name != asked.display_name {
        edits.push(text(Text::DisplayName, Some(live.display_name.clone())));
    }
    if live.description != asked.description {
        edits.push(text(Text::Description, live.description.clone()));
    }
    Ok(edits)
}
