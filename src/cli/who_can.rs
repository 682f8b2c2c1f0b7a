//! `rolecall who-can`

use std::collections::BTreeSet;

use super::error::CliError;
use super::exit::Exit;
use super::questions::{QuestionArgs, notes, request};
use super::ui::Ui;
use crate::state::Namespace;

/// Say who may do something, and by which group, binding, role and rule
///
/// Decides as Kubernetes' RBAC does, over the live bindings of the clusters and the live groups of Entra, without asking the
/// clusters' own access reviews and without changing anything. Without -n the question is about the whole cluster.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall who-can list pods -n trinity -e alpha
  rolecall who-can get secrets -n payments --planned     # once the access files are applied
  rolecall who-can create pods/exec -n payments          # a subresource
  rolecall who-can delete deployments.apps/web -n web    # one object
  rolecall who-can get /metrics -e prod                  # a path that is no resource
  rolecall who-can '*' '*' -e prod --output csv          # whoever may do anything")]
pub(super) struct Args {
    /// The verb: get, list, create, …
    verb: String,
    /// RESOURCE[.GROUP][/SUBRESOURCE][/NAME], by any of its names, or a path
    resource: String,
    /// In this namespace
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<Namespace>,
    #[command(flatten)]
    question: QuestionArgs,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let (request, odd) = request(&args.verb, &args.resource, args.namespace.as_ref())?;
    let looked = args.question.look(ui, BTreeSet::new()).await?;
    let world = looked.world();
    let given = args.question.give(ui, &world.who_can(&request), &notes(Some(&request), &odd, &world));
    drop(world);
    looked.close().await;
    given
}
