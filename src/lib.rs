//! rolecall: access to Kubernetes as code, for companies on Microsoft Entra ID.
//!
//! ```text
//! access files ─load→ Config (typed, every value keeps file:line:column) ─check→ diagnostics
//! Config ─compile→ Desired          (pure)
//! live   ─observe→ Observed         (readers only; they have no write method)
//! Desired × Observed ─diff→ changes (pure)
//! changes + both states ─judge→ access difference, guards (pure)
//! Plan ─render→ text | JSON | Markdown
//! Plan ─apply→ journal of outcomes  (the only place that holds writers)
//! ```
//!
//! | module | what it is for | what it touches outside itself |
//! | --- | --- | --- |
//! | [`state`] | the shared vocabulary: names, resources, desired, observed, changes | nothing |
//! | [`diagnostics`] | findings, rules, sources, located values | nothing |
//! | [`config`] | load, decode and check the access files, every mistake in one run | reads the access files |
//! | [`lint`] | what is well formed and still not wise: rules over the access files alone | nothing |
//! | [`desired`] | from a config to the desired state, and to what must be read | nothing |
//! | [`edit`] | changes to the text of access files that leave everything else as it is | nothing |
//! | [`providers`] | Entra over Microsoft Graph and Kubernetes RBAC: a reader and a writer each | the network |
//! | [`access`] | the RBAC authorizer in process: what a change means for people, who may do what and why | nothing |
//! | [`plan`] | diff, order, guards, saved plans | nothing |
//! | [`apply`] | the executor and its journal | writes the journal; holds the writers |
//! | [`doctor`] | whether it will work here: what was found out, judged | nothing |
//! | [`report`] | plans, drift, findings, answers and outcomes as text, JSON and Markdown; SARIF and CSV of some | nothing |
//! | [`git`] | the commit that is checked out, and those before it | reads the repository |
//! | [`hosts`] | GitHub, GitLab, Azure DevOps: one comment on a pull request, one issue that tracks drift | the network |
//! | [`snapshot`] | what is live, in a file, and readers over it | nothing |
//! | [`sandbox`] | an embedded tenant and embedded clusters | loopback; its own folder |
//! | [`cli`] | one file a command; streams, terminal, environment, clock | everything above |
//!
//! Uses go downwards only; `tests/architecture.rs` holds the table.

pub mod access;
pub mod apply;
pub mod cli;
pub mod config;
pub mod desired;
pub mod diagnostics;
pub mod doctor;
pub mod edit;
pub mod git;
pub mod hosts;
pub mod lint;
pub mod plan;
pub mod providers;
pub mod report;
pub mod sandbox;
pub mod snapshot;
pub mod state;
