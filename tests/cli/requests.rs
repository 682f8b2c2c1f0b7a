//! How many calls a plan and an apply take, counted in the sandbox's own log.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use rolecall::providers::Reader as _;
use rolecall::providers::kubernetes::{Connection, KubernetesReader, TokenSource, connect};
use rolecall::sandbox::log::{GRAPH, Line};
use rolecall::sandbox::{
    Options, RequestLog, Sandbox, Seed, SeedBinding, SeedCluster, SeedNamespace, SeedPrincipal, SeedUser,
};
use rolecall::state::{AccessQuestion, ClusterQuery, Namespace, RBAC, Result};
use secrecy::SecretString;
use tokio::net::{TcpListener, TcpStream};

use crate::common::World;
use crate::summary;

/// Requests to Graph; those for a token go to the sign-in service.
fn is_graph(line: &Line) -> bool {
    line.server == GRAPH && line.path.starts_with("/v1.0/")
}

/// What the sandbox was asked from a request on: calls of Graph, calls of clusters, and access reviews among them.
fn asked(world: &World, from: usize) -> (usize, usize, usize) {
    let log = RequestLog::read(&world.path("sandbox")).unwrap().since(from);
    let reviews = log.lines().iter().filter(|line| line.path.starts_with("/apis/authorization.k8s.io/")).count();
    let graph = log.lines().iter().filter(|line| is_graph(line)).count();
    (graph, log.lines().iter().filter(|line| line.server != GRAPH).count(), reviews)
}

fn seen(world: &World) -> usize {
    RequestLog::read(&world.path("sandbox")).unwrap().lines().len()
}

#[test]
fn the_footer_says_what_the_server_counted() {
    let world = World::with_example("company");
    for round in 0..2 {
        let from = seen(&world);
        let ran = world.plan(&["--output", "json"]).exits(0);
        let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let (graph, clusters, reviews) = asked(&world, from);
        assert_eq!((&plan["usage"]["graph_calls"], &plan["usage"]["cluster_calls"]), (&graph.into(), &clusters.into()));
        assert_eq!(clusters, 3 * (5 + 2) + reviews, "round {round}: five lists, who the cluster is and who we are");
    }
}

#[test]
fn nothing_to_write_is_nothing_to_ask_leave_for() {
    let world = World::with_example("quickstart");
    let _ = world.apply(&["--yes"]).exits(0);
    let from = seen(&world);
    let _ = world.plan(&[]).exits(0);
    // What is there, and who is in it: everybody is named there.
    assert_eq!(asked(&world, from), (2, 7, 0));
}

#[test]
fn every_cluster_is_read_once_however_many_there_are() {
    const CLUSTERS: usize = 40;
    let mut files = "version: 1\nname: many\ntenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }\n\
                     appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]\nenvironments:\n"
        .to_owned();
    for number in 0..CLUSTERS {
        writeln!(files, "  cluster-{number}: {{ type: k3s }}").unwrap();
    }
    let world = World::with_files(&[("rolecall.yaml", &files)]);
    let _ = world.plan(&[]).exits(0);
    assert_eq!(asked(&world, 0).1, CLUSTERS * 7);
}

#[test]
fn a_first_apply_of_three_hundred_groups_takes_few_calls() {
    const GROUPS: usize = 300;
    const MEMBERS: usize = 50;
    const PEOPLE: usize = 600;
    let mut files = "version: 1\nname: many\ntenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }\n\
                     appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]\ngroups:\n"
        .to_owned();
    for group in 0..GROUPS {
        let members = (0..MEMBERS).map(|member| format!("person{}@contoso.com", (group * 7 + member) % PEOPLE));
        writeln!(files, "  team-{group}: {{ members: [{}] }}", members.collect::<Vec<_>>().join(", ")).unwrap();
    }
    let world = World::with_files(&[("rolecall.yaml", &files)]);
    let _ = world.apply(&["--yes"]).exits(0);
    // What is there; which keys are free, with the marks of other configs and the display names; who everybody is, the
    // applier among them.
    let plan = 1 + (GROUPS + 1 + GROUPS.div_ceil(15)).div_ceil(20) + (PEOPLE.div_ceil(15) + 1).div_ceil(20);
    // Each key is looked up once more before its group is made; members go twenty in a request.
    let creations = 2 * GROUPS.div_ceil(20);
    let additions = (GROUPS * MEMBERS.div_ceil(20)).div_ceil(20);
    let log = RequestLog::read(&world.path("sandbox")).unwrap();
    let calls: Vec<&Line> = log.lines().iter().filter(|line| is_graph(line)).collect();
    let is_write = |line: &&Line| line.items.iter().any(|item| item.method != "GET");
    let written = calls.iter().rposition(is_write).unwrap() + 1;
    assert_eq!(written, plan + creations + additions);
    // What is looked at afterwards is the list of groups and who is in each, once.
    assert!(calls.len() - written <= (1 + GROUPS).div_ceil(20), "{}", calls.len());
    let calls = calls.len();
    assert!(calls <= 120, "{calls}");
    let from = seen(&world);
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
    // All of them are listed by now, with everybody in them.
    let (again, ..) = asked(&world, from);
    assert_eq!(again, 1 + (2 * GROUPS).div_ceil(20));
    let line = format!("{:<40} {calls:>5} {:>8}", "first apply, 300 groups × 50 people", 120);
    summary::leave("6-requests-of-writing", &line);
}

struct Token(SecretString);

#[async_trait]
impl TokenSource for Token {
    async fn token(&self) -> Result<SecretString> {
        Ok(self.0.clone())
    }
}

/// Passes connections on, and counts them.
async fn counted(server: &url::Url) -> (url::Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (count, port) = (Arc::new(AtomicUsize::new(0)), server.port().unwrap());
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    (own, count)
}

#[tokio::test]
async fn a_cluster_takes_a_call_for_each_page_of_its_lists_and_two_more() {
    let mut seed = Seed::new("contoso.com");
    seed.users.push(SeedUser { user_principal_name: Some("erin@contoso.com".to_owned()), ..SeedUser::default() });
    let trinity: Namespace = "trinity".parse().unwrap();
    let binding = |number: usize, namespace: &Option<Namespace>| SeedBinding {
        name: format!("by-hand-{number}"),
        namespace: namespace.clone(),
        cluster_role: "view".to_owned(),
        subjects: vec![SeedPrincipal::User("erin@contoso.com".to_owned())],
        config: None,
    };
    let mut cluster = SeedCluster::default();
    let numbered = (0..1200).map(|number| format!("team-{number}").parse().unwrap());
    cluster.namespaces = numbered.chain([trinity.clone()]).map(|name| (name, SeedNamespace::default())).collect();
    cluster.bindings = (0..501).map(|number| binding(number, &Some(trinity.clone()))).collect();
    cluster.bindings.extend((0..30).map(|number| binding(number, &None)));
    seed.clusters.insert("alpha".parse().unwrap(), cluster);
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(folder.path(), || seed, Options::default()).await.unwrap();
    let access = sandbox.access();
    let cluster = &access.clusters[&"alpha".parse().unwrap()];
    let (server, connections) = counted(&cluster.server).await;
    let connection = Connection::Server {
        server,
        ca_pem: Some(access.ca_pem.clone()),
        token: Arc::new(Token(cluster.token.clone())),
    };
    let reader = KubernetesReader::new(connect(&connection).await.unwrap());
    let query = ClusterQuery { environment: "alpha".parse().unwrap(), config: "any".parse().unwrap(), cluster: None };
    let read = reader.observe(&query).await.unwrap();

    let of = |all: usize, namespaced: usize| [all - namespaced, namespaced];
    let roles = read.roles.iter().filter(|live| live.role.namespace.is_some()).count();
    let bindings = read.bindings.iter().filter(|live| live.binding.namespace.is_some()).count();
    let kinds = [of(read.roles.len(), roles), of(read.bindings.len(), bindings), [read.namespaces.len(), 1]].concat();
    // The last is no kind; a kind of which there is nothing takes a call to know it.
    let pages = |least: usize| kinds[..5].iter().map(|count| count.div_ceil(500).max(least)).sum::<usize>();
    assert!(bindings > 501 && read.namespaces.len() > 1200, "{kinds:?}");
    let calls = sandbox.requests().unwrap().lines().len();
    assert_eq!(calls, pages(1) + 2, "{kinds:?}");
    assert!(calls <= pages(0) + 3, "{kinds:?}");
    assert_eq!(reader.usage().requests, calls as u64);

    let question = |number: usize| AccessQuestion {
        who: None,
        verb: "bind".to_owned(),
        group: RBAC.to_owned(),
        resource: "clusterroles".to_owned(),
        name: Some(format!("role-{number}")),
        namespace: None,
    };
    let answers = reader.ask(&(0..100).map(question).collect::<Vec<_>>()).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().allowed));
    assert_eq!(sandbox.requests().unwrap().lines().len(), calls + 100);
    // Six at once; one that comes back a moment too late finds another being made.
    let connections = connections.load(Ordering::SeqCst);
    assert!(connections <= 12, "{connections} for {} calls", calls + 100);
    let heading = format!("{:<40} {:>5} {:>8}", "Calls of a cluster", "calls", "promised");
    let line = format!("{:<40} {calls:>5} {:>8}", "501 bindings, 1,201 namespaces", pages(0) + 3);
    summary::leave("6-requests-to-a-cluster", &format!("{heading}\n{line}"));
    sandbox.stop().await;
}
