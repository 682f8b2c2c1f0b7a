//! `rolecall access`

use std::collections::BTreeSet;

use super::error::CliError;
use super::exit::Exit;
use super::questions::{QuestionArgs, Whom, group};
use super::ui::Ui;

/// Say everything that a person or the members of a group may do, everywhere
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall access hayden@contoso.com
  rolecall access hayden@contoso.com --planned            # once the access files are applied
  rolecall access --group k8s_dev_users -e alpha
  rolecall access hayden@contoso.com --output csv > hayden.csv")]
pub(super) struct Args {
    /// A user principal name, the mail address of a guest, an app id, an object id, or `system:serviceaccount:NAMESPACE:NAME`
    #[arg(required_unless_present = "group", conflicts_with = "group")]
    person: Option<String>,
    /// The members of this group, by its key in the access files or its object id
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    #[command(flatten)]
    question: QuestionArgs,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let whom = args.person.as_deref().map(Whom::read).transpose()?;
    let names = whom.as_ref().map_or_else(BTreeSet::new, Whom::names);
    let looked = args.question.look(ui, names).await?;
    let world = looked.world();
    let who = match (&whom, &args.group) {
        (Some(whom), _) => whom.find(&looked, &world),
        (None, name) => group(name.as_deref().unwrap_or_default(), &looked, &world),
    };
    let given = who.and_then(|who| args.question.give(ui, &world.access(&who), &[]));
    drop(world);
    looked.close().await;
    given
}
