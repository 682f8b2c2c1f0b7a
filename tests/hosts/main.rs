//! `rolecall comment` against GitHub, GitLab and Azure DevOps: servers of our own on loopback, written from what the hosts
//! publish, and held against the hosts' public clients where those are there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod clients;
mod comments;
mod issues;
mod place;
mod published;
mod refusals;
mod server;
#[path = "../suite/summary.rs"]
mod summary;
