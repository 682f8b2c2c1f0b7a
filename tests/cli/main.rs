//! The command as a person runs it: one test binary, the program itself, an empty environment.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod access_questions;
mod annotate;
mod approved;
mod bad_input;
mod base;
mod base_tip;
mod cluster_permissions;
mod common;
mod connections;
mod demo;
mod doctor;
mod documents;
mod drift;
mod drift_patch;
mod examples;
mod expectations;
mod expectations_live;
mod faults;
#[path = "../suite/folder.rs"]
mod folder;
#[allow(dead_code, reason = "those who kill look at more of it")]
#[path = "../kills/gate.rs"]
mod gate;
mod golden;
mod invented;
mod lint;
mod lock;
mod log;
mod markdown;
mod permissions;
mod picture;
mod preview_screens;
mod previews;
mod provenance;
mod pseudonyms;
mod question;
mod readme;
mod renamed;
mod repository;
mod requests;
mod restored;
mod saved_plan;
#[path = "../real/served.rs"]
mod served;
mod snapshot;
#[allow(dead_code, reason = "those who kill look at more of it")]
#[path = "../kills/state.rs"]
mod state;
#[path = "../suite/summary.rs"]
mod summary;
#[path = "../suite/takeover.rs"]
mod takeover;
#[path = "../suite/together.rs"]
mod together;
mod unmanaged;
mod unsaid;
mod usage;
mod verify;
