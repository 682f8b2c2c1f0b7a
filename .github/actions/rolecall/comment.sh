#!/usr/bin/env bash
# Posts the plan on the pull request of this run, or edits the comment that is there; where there is none, nothing is posted. An
# empty plan is posted as failed, so that an old one never stays.
set -euo pipefail

if [[ -n $HEAD_REPOSITORY && $HEAD_REPOSITORY != "$GITHUB_REPOSITORY" ]]; then
    echo "::notice title=rolecall::A pull request from a fork may not comment. Its plan is in the summary of this job."
    exit 0
fi
words=()
[[ -z $KEY ]] || words+=("--key=$KEY")
rolecall comment ${words[@]+"${words[@]}"} -- "$MARKDOWN"
