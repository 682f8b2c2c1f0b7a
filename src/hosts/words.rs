//! What a comment says when there is nothing to say it with.

use super::Surroundings;

/// The text of a comment whose file is missing or empty. What failed, in a word: `plan`.
pub fn failed(what: &str, surroundings: &Surroundings) -> String {
    let of = surroundings.commit.as_deref().map_or_else(String::new, |commit| format!(" of {}", short(commit)));
    let see = match &surroundings.job {
        Some(job) => format!("[The job]({job}) says why."),
        None => "The job that should have made it says why.".to_owned(),
    };
    format!(
        "**rolecall: the {what}{of} failed.** There is no result to show, and what stood here before is gone because it may \
         no longer be so. {see}\n"
    )
}

/// The line above what an issue said, once it is closed.
pub fn nothing_any_more(surroundings: &Surroundings) -> String {
    match &surroundings.job {
        Some(job) => format!("**Nothing is left of this**, as of [this job]({job}). It was:\n"),
        None => "**Nothing is left of this.** It was:\n".to_owned(),
    }
}

/// The line at which a text was cut.
pub(super) fn cut(job: Option<&str>) -> String {
    let see = job.map_or_else(
        || "the output of the job that posted it".to_owned(),
        |job| format!("[the job that posted it]({job})"),
    );
    format!("**The rest is too long for a comment.** The whole is in {see}.\n")
}

/// The text of another entry of ours than the one that is kept.
pub(super) fn superseded(kept: Option<&str>) -> String {
    match kept {
        // A link in Markdown ends at a bracket.
        Some(address) => {
            format!("Superseded by [the one that is kept]({}).\n", address.replace('(', "%28").replace(')', "%29"))
        }
        None => "Superseded by the one that is kept.\n".to_owned(),
    }
}

/// As git shows a commit in short.
pub fn short(commit: &str) -> String {
    let hex: String = commit.chars().take_while(char::is_ascii_hexdigit).take(7).collect();
    if hex.is_empty() { "this commit".to_owned() } else { hex }
}
