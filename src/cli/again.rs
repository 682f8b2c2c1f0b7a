//! Commands that somebody is to copy: with all that was typed, and what the screen above asks for.

use super::args::{ConnectionArgs, PolicyArgs};
use super::ui::Ui;
use crate::plan::Verdict;
use crate::report::escape;

/// More acknowledgements than these are not what anybody means to give in one go.
const MOST: usize = 30;

/// `rolecall apply` of these paths, with the same connections and the same part, agreed to what these guards say.
pub(super) fn apply<'v>(
    paths: &[String],
    flags: &[String],
    connections: &ConnectionArgs,
    policy: &PolicyArgs,
    agreed: impl Iterator<Item = &'v Verdict>,
) -> String {
    let mut words = vec!["rolecall".to_owned(), "apply".to_owned()];
    words.extend(paths.iter().chain(flags).cloned());
    let ConnectionArgs { sandbox, connections, kubeconfig, allow_exec, auth } = connections;
    for (flag, value) in [("--sandbox", sandbox), ("--connections", connections), ("--kubeconfig", kubeconfig)] {
        if let Some(value) = value {
            words.extend([flag.to_owned(), value.display().to_string()]);
        }
    }
    if *allow_exec {
        words.push("--allow-exec".to_owned());
    }
    if let Some(source) = auth {
        words.extend(["--auth".to_owned(), source.to_string()]);
    }
    for target in &policy.only {
        words.extend(["--only".to_owned(), target.to_string()]);
    }
    if policy.strict {
        words.push("--strict".to_owned());
    }
    for environment in &policy.allow_unreachable {
        words.extend(["--allow-unreachable".to_owned(), environment.to_string()]);
    }
    for verdict in agreed {
        words.extend(["--acknowledge".to_owned(), format!("{}:{}", verdict.guard, verdict.subject)]);
    }
    words.iter().map(|word| escape::shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// Where several guards refuse, one command with what each asks for. A single one prints its flag itself.
pub(super) fn offer<'v>(
    ui: &mut Ui,
    verdicts: &'v [Verdict],
    command: impl FnOnce(&mut dyn Iterator<Item = &'v Verdict>) -> String,
) {
    let refused = verdicts.iter().filter(|verdict| verdict.refuses()).count();
    if (2..=MOST).contains(&refused) {
        let mut agreed = verdicts.iter().filter(|verdict| verdict.acknowledged || verdict.refuses());
        let command = command(&mut agreed);
        ui.say(&format!("If all {refused} are meant: {command}"));
    }
}
