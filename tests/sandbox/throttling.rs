//! After one 429 of an API server nothing more is asked of it before its time, neither to read nor to write.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use rolecall::providers::kubernetes::{Connection, KubernetesReader, KubernetesWriter, TokenSource, connect};
use rolecall::providers::{Reader as _, Writer as _};
use rolecall::sandbox::{Fault, Faults, Options, Rule, Sandbox, Seed, SeedCluster};
use rolecall::state::{
    Address, Change, ClusterQuery, ConfigName, KubernetesKind, Operation, Outcome, PolicyRule, Resource, Result, Role,
};
use secrecy::SecretString;
use tokio::sync::watch;

struct Token(SecretString);

#[async_trait]
impl TokenSource for Token {
    async fn token(&self) -> Result<SecretString> {
        Ok(self.0.clone())
    }
}

fn role(number: usize, cluster: rolecall::state::ClusterUid) -> Change {
    let rule = PolicyRule {
        api_groups: vec![String::new()],
        resources: vec!["pods".to_owned()],
        verbs: vec!["get".to_owned()],
        ..PolicyRule::default()
    };
    let name = format!("role-{number}");
    let address = Address::Object {
        environment: "alpha".parse().unwrap(),
        kind: KubernetesKind::ClusterRole,
        namespace: None,
        name: name.clone(),
    };
    let after = Resource::Role(Role { namespace: None, name, rules: vec![rule], aggregate_to: BTreeSet::new() });
    Change { cluster: Some(cluster), ..Change::new(address, Operation::Create { after }) }
}

/// Twelve observations and twenty writes at once, one request of which is throttled once.
async fn nothing_leaves(method: &str, path: &str, after: u64) {
    let folder = tempfile::tempdir().unwrap();
    let rule = Rule {
        on: Some("alpha".to_owned()),
        methods: vec![method.to_owned()],
        path: Some(path.to_owned()),
        times: Some(1),
        after,
        ..Rule::of(Fault::Throttled { retry_after_ms: 700 })
    };
    let options = Options { faults: Faults { rules: vec![rule], ..Faults::default() }, ..Options::default() };
    let seed = || {
        let mut seed = Seed::new("contoso.com");
        seed.clusters.insert("alpha".parse().unwrap(), SeedCluster::default());
        seed
    };
    let sandbox = Sandbox::open(folder.path(), seed, options).await.unwrap();
    let alpha = sandbox.access().clusters.values().next().unwrap();
    let connection = Connection::Server {
        server: alpha.server.clone(),
        ca_pem: Some(sandbox.access().ca_pem.clone()),
        token: Arc::new(Token(alpha.token.clone())),
    };
    let config: ConfigName = "contoso-platform".parse().unwrap();
    let query = ClusterQuery { environment: "alpha".parse().unwrap(), config: config.clone(), cluster: None };
    let link = connect(&connection).await.unwrap();
    let (reader, writer) = (KubernetesReader::new(link.clone()), KubernetesWriter::new(link, config));
    let uid = reader.observe(&query).await.unwrap().uid;
    let changes: Vec<Change> = (0..20).map(|number| role(number, uid)).collect();
    let ended = std::cell::Cell::new(false);
    let load = async {
        let (_sender, interrupted) = watch::channel(false);
        let outcomes = std::sync::Mutex::new(Vec::new());
        let report = |_: usize, outcome: Outcome| outcomes.lock().unwrap().push(outcome);
        let write = writer.write(&changes, &interrupted, &report);
        let (observed, ()) = futures::join!(join_all((0..12).map(|_| reader.observe(&query))), write);
        ended.set(true);
        (observed, outcomes.into_inner().unwrap())
    };
    // How many requests had left when the client learned that it has to wait: all on one thread, as in tests/entra.
    let learned = async {
        loop {
            let (reader, writer) = (reader.usage(), writer.usage());
            if reader.throttled + writer.throttled > 0 {
                break usize::try_from(reader.requests + writer.requests).unwrap();
            }
            assert!(!ended.get(), "nothing was throttled");
            tokio::task::yield_now().await;
        }
    };
    let ((observed, outcomes), sent) = futures::join!(load, learned);
    assert!(observed.iter().all(Result::is_ok) && outcomes.len() == 20, "{outcomes:?}");
    assert!(outcomes.iter().all(Outcome::is_success), "{outcomes:?}");
    let log = sandbox.requests().unwrap();
    let log: Vec<_> = log.lines().iter().filter(|line| line.server == "alpha").collect();
    let told: Vec<_> = log.iter().filter_map(|line| Some((line.answered_us, line.told_until_us()?))).collect();
    let [(answered, until)] = told[..] else { panic!("throttled once: {told:?}") };
    assert_eq!(until - answered, 1_000_000, "whole seconds");
    let early = log.iter().filter(|line| line.arrived_us < until).count();
    assert!(early <= sent, "{early} of {sent} came too early");
    assert!(log.len() >= sent + 10, "there was more to ask: {} after {sent}", log.len());
    sandbox.stop().await;
}

#[tokio::test]
async fn after_a_throttled_request_nothing_leaves_before_its_time() {
    nothing_leaves("GET", "/clusterroles", 9).await;
    nothing_leaves("PATCH", "/clusterroles/", 2).await;
}
