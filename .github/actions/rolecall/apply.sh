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

[[ $KEY =~ ^[A-Za-z0-9_-]{0,40}$ ]] || fail "the input \`key\` may hold letters, digits, - and _, at most 40"
[[ $APPROVED =~ ^[0-9a-f]{64}$ ]] ||
    fail "the input \`require-approved-plan\` is no id of a plan: hand on the output \`plan-id\` of the job that planned"
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
