//! What runs in CI systems: the rules that every workflow and pipeline of ours keeps, and the action on a runner of our own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod company;
mod examples;
mod expression;
mod files;
#[path = "../suite/folder.rs"]
mod folder;
mod identities;
mod others;
mod outcomes;
mod road;
mod rules;
mod runner;
#[allow(dead_code, reason = "those who test commands look at more of it")]
#[path = "../real/served.rs"]
mod served;
#[allow(dead_code, reason = "those who test the posters look at more of it")]
#[path = "../hosts/server/mod.rs"]
mod server;
mod two_apps;
