//! rolecall: access to Kubernetes as code, for companies on Microsoft Entra ID.

pub mod apply;
pub mod config;
pub mod desired;
pub mod diagnostics;
pub mod git;
pub mod plan;
pub mod providers;
pub mod report;
pub mod sandbox;
pub mod state;
