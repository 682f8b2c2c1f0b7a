//! One suite, two servers: what each of them answered, side by side.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{LazyLock, Mutex};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::answers::{self, Server, Transcript};
use crate::servers::Sandbox;
use crate::summary;

/// What the cases of one theme came to so far.
#[derive(Debug, Clone, Default)]
struct Row {
    cases: usize,
    sandbox: usize,
    real: usize,
    equal: usize,
    not_modelled: usize,
    /// Cases that did not come to their end on one of the two.
    broken: usize,
}

/// The rows by theme; cases end in any order.
static ROWS: LazyLock<Mutex<BTreeMap<&'static str, Row>>> = LazyLock::new(Mutex::default);

/// How the theme of what rolecall's own provider does is called.
const PROVIDER: &str = "what the provider does";

/// Holds one conversation with the sandbox and with the real API server, and fails where they do not say the same.
pub(crate) async fn compare<F>(theme: &'static str, name: &str, real: &Server, case: impl Fn(Server) -> F)
where
    F: Future<Output = Transcript> + Send + 'static,
{
    let sandbox = Sandbox::start().await;
    // On tasks of their own, so that one that panics is in the table, too.
    let (said, real_said) = tokio::join!(tokio::spawn(case(sandbox.server())), tokio::spawn(case(real.clone())));
    let (said, real_said) = (said.ok(), real_said.ok());
    let differing = note(theme, real, said.as_ref(), real_said.as_ref()).await;
    let real_said = real_said.expect("the conversation with the real API server came to its end");
    answers::recorded(name, &real_said);
    assert!(said.is_some(), "the conversation with the sandbox did not come to its end");
    assert!(differing.is_empty(), "the sandbox differs from the real API server\n{}", differing.join("\n"));
}

/// Runs one case of the provider against both.
pub(crate) async fn pass<F>(real: &Server, case: impl Fn(String) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let sandbox = Sandbox::start().await;
    let (said, real_said) =
        tokio::join!(tokio::spawn(case(sandbox.server().kubeconfig)), tokio::spawn(case(real.kubeconfig.clone())));
    let passed = || Transcript { answers: vec!["passed".to_owned()], not_modelled: 0 };
    let (said, real_said) = (said.ok().map(|()| passed()), real_said.ok().map(|()| passed()));
    note(PROVIDER, real, said.as_ref(), real_said.as_ref()).await;
    assert!(said.is_some() && real_said.is_some(), "passed: sandbox {said:?}, real API server {real_said:?}");
}

/// Asks both about access in worlds made by seeds.
pub(crate) async fn worlds(name: &str, real: &Server) {
    let (sandbox, alone, server) = (Sandbox::start().await, Sandbox::start().await, real.clone());
    let asking =
        tokio::spawn(
            async move { answers::worlds::questions(&sandbox.server(), &alone.server(), Some(&server)).await },
        );
    let said = asking.await.ok();
    let (sandbox, real_said) = said.unzip();
    let differing = note("random access questions", real, sandbox.as_ref(), real_said.as_ref()).await;
    assert!(differing.is_empty(), "the sandbox differs from the real API server\n{}", differing.join("\n"));
    answers::recorded(name, &sandbox.expect("all questions were asked"));
}

/// Adds what both said to the table, and gives back where they differ.
async fn note(
    theme: &'static str,
    real: &Server,
    sandbox: Option<&Transcript>,
    real_said: Option<&Transcript>,
) -> Vec<String> {
    let none = Vec::new();
    let said = sandbox.map_or(&none, |said| &said.answers);
    let real_answers = real_said.map_or(&none, |said| &said.answers);
    let longer = said.len().max(real_answers.len());
    let differing: Vec<String> = (0..longer)
        .filter(|index| said.get(*index) != real_answers.get(*index))
        .map(|index| {
            let words = |answers: &[String]| answers.get(index).cloned().unwrap_or_else(|| "nothing".to_owned());
            format!("--- sandbox\n{}\n--- real\n{}", words(said), words(real_answers))
        })
        .collect();
    let version = version(real).await;
    let mut rows = ROWS.lock().unwrap();
    let row = rows.entry(theme).or_default();
    row.cases += 1;
    row.sandbox += said.len();
    row.real += real_answers.len();
    row.equal += longer - differing.len();
    row.broken += usize::from(sandbox.is_none() || real_said.is_none());
    row.not_modelled += sandbox.map_or(0, |said| said.not_modelled);
    summary::leave("1-suite", &table(&rows, &version));
    differing
}

fn table(rows: &BTreeMap<&'static str, Row>, version: &str) -> String {
    let head = format!("kube-apiserver {version}");
    let wide = head.len();
    let title = "One suite, two servers: answers";
    let mut table = format!("{title:<40} cases  sandbox  {head}  equal\n");
    let mut total = Row::default();
    let mut line = |name: &str, row: &Row| {
        let Row { cases, sandbox, real, equal, not_modelled, broken } = row;
        write!(table, "  {name:<38} {cases:>5}  {sandbox:>7}  {real:>wide$}  {equal:>5}").unwrap();
        if *not_modelled > 0 {
            write!(table, "  ({not_modelled} answered 501 by the sandbox: not modelled)").unwrap();
        }
        let is_same = equal == real && equal == sandbox && *broken == 0;
        table.push_str(if is_same { "\n" } else { "  DIFFERENT\n" });
    };
    for (theme, row) in rows {
        line(theme, row);
        total.cases += row.cases;
        total.sandbox += row.sandbox;
        total.real += row.real;
        total.equal += row.equal;
        total.broken += row.broken;
    }
    line("all", &total);
    table
}

/// The version that the real API server tells.
async fn version(server: &Server) -> String {
    let options = KubeConfigOptions { context: Some("real-one".to_owned()), ..KubeConfigOptions::default() };
    let kubeconfig = Kubeconfig::read_from(&server.kubeconfig).unwrap();
    let client = Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()).unwrap();
    client.apiserver_version().await.unwrap().git_version.trim_start_matches('v').to_owned()
}
