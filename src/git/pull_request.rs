//! The pull request that a commit's message names.

use crate::state::history::PullRequest;

/// The longest part of a message that is looked through, in bytes.
const LONGEST: usize = 16 * 1024;

/// The pull request of a merge, of a squash, or of a trailer, whichever host wrote it.
///
/// What somebody wrote about another one in the text is none: only the places that hosts write to count.
pub(super) fn named_in(message: &str) -> Option<PullRequest> {
    let mut end = message.len().min(LONGEST);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let message = message.get(..end).unwrap_or_default().trim();
    let (title, body) = message.split_once('\n').unwrap_or((message, ""));
    in_title(title.trim_end()).or_else(|| body.lines().rev().find_map(in_trailer))
}

fn in_title(title: &str) -> Option<PullRequest> {
    let starts = [
        ("Merge pull request #", PullRequest::Number as fn(u64) -> PullRequest),
        ("Merged PR ", PullRequest::Azure),
        ("Pull request #", PullRequest::Number),
    ];
    for (start, kind) in starts {
        let Some(rest) = title.strip_prefix(start) else { continue };
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        // What follows the number is a colon or a space, and never more of a word.
        let (number, behind) = rest.split_at(digits);
        if behind.is_empty() || behind.starts_with([' ', ':']) {
            return number.parse().ok().map(kind);
        }
    }
    // Gitea's merges have the number in the middle: Merge pull request 'a title' (#12) from branch into main.
    if title.starts_with("Merge pull request '") {
        let (_, rest) = title.rsplit_once("' (#")?;
        return rest.split_once(')').and_then(|(number, _)| number.parse().ok()).map(PullRequest::Number);
    }
    let last = title.strip_suffix(')')?.rsplit_once('(')?.1;
    let number = |text: &str| text.parse::<u64>().ok();
    match (last.strip_prefix('#'), last.strip_prefix('!'), last.strip_prefix("pull request #")) {
        (Some(text), ..) | (.., Some(text)) => number(text).map(PullRequest::Number),
        (_, Some(text), _) => number(text).map(PullRequest::MergeRequest),
        _ => None,
    }
}

/// One line of the rest of a message.
fn in_trailer(line: &str) -> Option<PullRequest> {
    let line = line.trim();
    if let Some(named) = line.strip_prefix("See merge request ") {
        return named.rsplit_once('!').and_then(|(_, number)| number.parse().ok()).map(PullRequest::MergeRequest);
    }
    let (key, value) = line.split_once(": ")?;
    let value = value.trim().trim_end_matches('/');
    let last = |value: &str| value.rsplit_once('/').and_then(|(_, number)| number.parse::<u64>().ok());
    let is = |name: &str| key.eq_ignore_ascii_case(name);
    if is("Reviewed-on") || is("PR-URL") || is("Pull-Request") || is("Pull-Request-URL") {
        return if value.contains("/pull/") || value.contains("/pulls/") || value.contains("/pull-requests/") {
            last(value).map(PullRequest::Number)
        } else if value.contains("/merge_requests/") {
            last(value).map(PullRequest::MergeRequest)
        } else if value.contains("/pullrequest/") {
            last(value).map(PullRequest::Azure)
        } else if let Some(number) = value.strip_prefix('#') {
            number.parse().ok().map(PullRequest::Number)
        } else if is("Reviewed-on") && value.contains("://") {
            // Gerrit's are https://host/c/project/+/123 or https://host/123.
            last(value).map(PullRequest::Change)
        } else {
            None
        };
    }
    if is("Merge-Request") {
        return value.strip_prefix('!').and_then(|number| number.parse().ok()).map(PullRequest::MergeRequest);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_s_words_are_understood() {
        let cases = [
            ("Merge pull request #12 from contoso/change\n\nHayden joins", "#12"),
            ("payments: hayden joins (#12)", "#12"),
            ("payments: hayden joins (#12)\n\n* first (#7)\n", "#12"),
            ("Merge branch 'change' into 'main'\n\nHayden joins\n\nSee merge request group/sub/project!12", "!12"),
            ("payments: hayden joins (!12)", "!12"),
            ("Merged PR 12: hayden joins\n\nRelated work items: #99", "PR 12"),
            ("Pull request #12: hayden joins", "#12"),
            ("Merged in change (pull request #12)", "#12"),
            ("Merge pull request 'hayden (#3) joins' (#12) from change into main", "#12"),
            ("payments: hayden joins\n\nReviewed-on: https://git.contoso.com/c/access/+/12\n", "change 12"),
            ("payments: hayden joins\n\nReviewed-on: https://git.contoso.com/team/access/pulls/12", "#12"),
            ("payments: hayden joins\n\nPR-URL: https://github.com/contoso/access/pull/12", "#12"),
        ];
        for (message, expected) in cases {
            assert_eq!(named_in(message).map(|found| found.to_string()).as_deref(), Some(expected), "{message}");
        }
    }

    #[test]
    fn what_is_only_written_about_is_none() {
        let cases = [
            "payments: as in #12",
            "payments: hayden joins\n\nThis follows #12 and Fixes: #13",
            "Merge branch 'change'",
            "Merge pull request #12x from somebody",
            "payments (#one)",
            "payments (#99999999999999999999999)",
            "",
            "\n\n",
            "é: https://x/1",
        ];
        for message in cases {
            assert_eq!(named_in(message), None, "{message}");
        }
    }

    #[test]
    fn a_message_of_any_length_is_cut_between_characters() {
        let long = format!("a{}", "é".repeat(LONGEST));
        assert_eq!(named_in(&long), None);
    }
}
