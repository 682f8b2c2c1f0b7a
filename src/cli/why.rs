//! `rolecall why`

use super::error::CliError;
use super::exit::Exit;
use super::questions::{QuestionArgs, Whom, notes, request};
use super::ui::Ui;
use crate::state::Namespace;

/// Say why somebody may do something, from the lines of the access files to the rule, or what comes nearest where they may not
///
/// Without VERB and RESOURCE: everything that they are given, and by what.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall why hayden@contoso.com -e alpha list pods -n trinity
  rolecall why hayden@contoso.com -e alpha                        # everything, and by what
  rolecall why ana@partner.example -e alpha get secrets --planned # a guest, once the access files are applied
  rolecall why system:serviceaccount:argocd:controller -e prod delete pods -n web")]
pub(super) struct Args {
    /// A user principal name, the mail address of a guest, an app id, an object id, or `system:serviceaccount:NAMESPACE:NAME`
    person: String,
    /// The verb: get, list, create, …
    #[arg(requires = "resource")]
    verb: Option<String>,
    /// RESOURCE[.GROUP][/SUBRESOURCE][/NAME], by any of its names, or a path
    resource: Option<String>,
    /// In this namespace
    #[arg(long, short, value_name = "NAMESPACE", requires = "resource")]
    namespace: Option<Namespace>,
    #[command(flatten)]
    question: QuestionArgs,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let whom = Whom::read(&args.person)?;
    let asked = args.verb.as_ref().zip(args.resource.as_ref());
    let asked = asked.map(|(verb, resource)| request(verb, resource, args.namespace.as_ref())).transpose()?;
    let (request, odd) = asked.map_or((None, Vec::new()), |(request, odd)| (Some(request), odd));
    let looked = args.question.look(ui, whom.names()).await?;
    let world = looked.world();
    let given = match whom.find(&looked, &world) {
        Ok(who) => {
            let mut answer = world.why(&who, request.as_ref());
            let mut notes = notes(request.as_ref(), &odd, &world);
            notes.extend(looked.trace(&mut answer).await);
            args.question.give(ui, &answer, &notes)
        }
        Err(error) => Err(error),
    };
    drop(world);
    looked.close().await;
    given
}
