//! `rolecall access`

use std::collections::BTreeSet;

use super::error::CliError;
use super::exit::Exit;
use super::questions::{QuestionArgs, Whom, group};
use super::ui::Ui;
use crate::report::escape;

/// Say everything that a person or the members of a group may do, everywhere
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("whom").required(true).args(["person", "group"])))]
#[command(after_help = "Examples:
  rolecall access hayden@contoso.com
  rolecall access hayden@contoso.com --planned            # once the access files are applied
  rolecall access --group k8s_dev_users -e alpha
  rolecall access hayden@contoso.com --output csv > hayden.csv")]
pub(super) struct Args {
    /// A user principal name, the mail address of a guest, an app id, an object id, or `system:serviceaccount:NAMESPACE:NAME`
    person: Option<String>,
    /// The members of this group, by its key in the access files or its object id
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Of `why` and `who-can`; here it is told so
    #[arg(long, short, value_name = "NAMESPACE", hide = true)]
    namespace: Option<String>,
    #[command(flatten)]
    question: QuestionArgs,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    if let Some(namespace) = &args.namespace {
        let namespace = escape::shell_word(namespace);
        return Err(CliError::user("`access` is about everything that somebody may do, in every namespace")
            .hint(format!(
                "leave out -n, or ask about one thing: `rolecall why PERSON VERB RESOURCE -n {namespace}`, \
                 `rolecall who-can VERB RESOURCE -n {namespace}`"
            ))
            .exit(Exit::Usage));
    }
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
