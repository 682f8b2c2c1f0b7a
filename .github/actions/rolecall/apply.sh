#!/usr/bin/env bash
# Applies the saved plan whose id was approved, and nothing else. rolecall computes the id of the plan anew, compiles the files that
# are checked out, reads the live systems, and writes nothing where they do not ask for exactly that plan any more.
set -euo pipefail
# No `*` of an input is a pattern of files.
set -f

fail() {
    echo "::error title=rolecall::$1"
    exit 1
}

[[ ${#KEY} -le 40 && $KEY != *--* && $KEY =~ ^([a-z0-9]([a-z0-9._-]*[a-z0-9])?)?$ ]] ||
    fail "the input \`key\` is up to 40 lower-case letters, digits and single -, _ or . between them"
[[ $APPROVED =~ ^[0-9a-f]{64}$ ]] ||
    fail "the input \`require-approved-plan\` is no id of a plan: hand on the output \`plan-id\` of the job that planned"

# A run of an older commit that is run again would put back what was taken away since. Where the access files are the same, nothing is.
if [[ $GITHUB_REF == refs/heads/* ]]; then
    root=$ACCESS_FILES
    [[ -d $root ]] || root=$(dirname "$root")
    root=$(cd "$root" && pwd)
    while [[ ! -e $root/rolecall.yaml && $root != / ]]; do
        root=$(dirname "$root")
    done
    export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.$GITHUB_SERVER_URL/.extraheader"
    GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$TOKEN" | base64 | tr -d '\n')"
    export GIT_CONFIG_VALUE_0
    here=$(git -C "$root" rev-parse HEAD) || fail "nothing was written: what is checked out is no git repository"
    tip=$(git -C "$root" ls-remote --exit-code origin "$GITHUB_REF" | cut -f 1) ||
        fail "nothing was written: where ${GITHUB_REF#refs/heads/} is by now could not be asked; the log says why"
    if [[ $tip != "$here" ]]; then
        git -C "$root" fetch --quiet --no-tags origin "$GITHUB_REF" ||
            fail "nothing was written: ${GITHUB_REF#refs/heads/} could not be fetched; the log says why"
        tip=$(git -C "$root" rev-parse FETCH_HEAD)
        # Where the folder is gone there, it is not the same.
        now=$(cd "$root" && git rev-parse --verify --quiet "$tip:./") || now=gone
        [[ $now == "$(cd "$root" && git rev-parse "$here:./")" ]] || fail "${GITHUB_REF#refs/heads/} has moved on to ${tip:0:12}: \
this plan is of ${here:0:12}, and the access files have changed since; nothing was written. Apply what the run of the newer commit shows"
    fi
    unset GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
fi
file=${PLAN_FILE:-$RUNNER_TEMP/rolecall-approved/rolecall.plan}
folder=$RUNNER_TEMP/rolecall-apply${KEY:+-$KEY}
rm -rf "$folder"
mkdir -p "$folder"
journal=$folder/journal.jsonl

words=("--require-approved-plan=$APPROVED" "--journal=$journal")
for acknowledged in $ACKNOWLEDGE; do
    words+=("--acknowledge=$acknowledged")
done
while IFS= read -r line; do
    [[ -z $line ]] || words+=("$line")
done <<<"$ARGUMENTS"

# Names from Entra and from clusters are in what is printed, and the runner takes some lines of it for commands.
quiet=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
code=0
echo "::stop-commands::$quiet"
rolecall apply "${words[@]}" -- "$file" "$ACCESS_FILES" 2>&1 | tee "$folder/output.txt" || code=${PIPESTATUS[0]}
echo "::$quiet::"

{
    echo "exit-code=$code"
    if [[ -s $journal ]]; then
        echo "journal=$journal"
        echo "journal-name=rolecall-journal${KEY:+-$KEY}-$GITHUB_RUN_ATTEMPT"
    fi
} >>"$GITHUB_OUTPUT"

# Four spaces make it code that no name can end. A summary has a limit; what matters stands at the end.
{
    echo "### rolecall apply: exit code $code"
    echo
    tail -n 1000 "$folder/output.txt" | tail -c 400000 | sed 's/^/    /'
} >>"$GITHUB_STEP_SUMMARY"
