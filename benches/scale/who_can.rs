//! A question about one cluster with many bindings.

use std::collections::BTreeSet;
use std::hint::black_box;

use rolecall::access::questions::World;
use rolecall::report::text::{self, Layout};
use rolecall::state::{
    Binding, Desired, LiveBinding, LiveMeta, Mark, Namespace, Observed, Request, RoleKind, RoleRef, Subject,
    SubjectKind, SubjectName,
};

use crate::Error;
use crate::measure::Stopwatch;
use crate::world::ROLES;

/// Bindings of the cluster beside those that the files ask for.
pub(crate) const BINDINGS: usize = 5_000;
/// Namespaces that they are in, as many in each.
pub(crate) const NAMESPACES: usize = 500;

/// Times one question from what was read to the text of the answer.
pub(crate) fn run(desired: &Desired, observed: &mut Observed) -> Result<(), Error> {
    let Some(Ok(tenant)) = &observed.tenant else { return Err("Entra was not read".into()) };
    let groups: Vec<String> = tenant.marked.values().map(|group| group.id.to_string()).collect();
    let (name, cluster) = observed.clusters.first_key_value().ok_or("there is no cluster")?;
    let name = name.clone();
    let mut cluster = cluster.clone().map_err(|failure| failure.what)?;
    for number in 0..BINDINGS {
        let namespace: Namespace = format!("crowded-{}", number % NAMESPACES).parse()?;
        let subject = SubjectName::Known(groups[number % groups.len()].clone());
        cluster.namespaces.entry(namespace.clone()).or_default();
        cluster.bindings.push(LiveBinding {
            binding: Binding {
                namespace: Some(namespace),
                name: format!("by-hand-{number}"),
                role: RoleRef { kind: RoleKind::ClusterRole, name: ROLES[number % ROLES.len()].to_owned() },
                subjects: vec![Subject { kind: SubjectKind::Group, name: subject, namespace: None, principal: None }],
            },
            meta: LiveMeta {
                uid: number.to_string(),
                resource_version: String::new(),
                mark: Mark::None,
                other_managers: Vec::new(),
                bootstrapping: false,
                trace: rolecall::state::Trace::default(),
            },
        });
    }
    let before = observed.clusters.insert(name.clone(), Ok(cluster));
    let request = Request::Resource {
        verb: "list".to_owned(),
        group: String::new(),
        resource: "pods".to_owned(),
        subresource: None,
        namespace: Some("crowded-7".parse()?),
        name: None,
    };
    let watch = Stopwatch::start();
    let world = World::live(desired, observed, &BTreeSet::from([name.clone()]));
    let answer = world.who_can(&request);
    black_box(text::answer(&answer, Layout { width: 120, colour: false }));
    watch.lap("who-can")?;
    let found: usize = answer.parts.iter().map(|part| part.entries.len()).sum();
    drop(world);
    observed.clusters.extend(before.map(|before| (name, before)));
    watch.say("who-can-answered", found)
}
