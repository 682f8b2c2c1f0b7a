#!/usr/bin/env bash
# Plans once, for everybody: Markdown for people, JSON for programs, a saved plan for `apply`. It does not fail by what the plan
# says: what is known is shown first, and verdict.sh fails the job.
set -euo pipefail
# No `*` of an input is a pattern of files.
set -f

fail() {
    echo "::error title=rolecall::$1"
    exit 1
}

[[ ${#KEY} -le 40 && $KEY != *--* && $KEY =~ ^([a-z0-9]([a-z0-9._-]*[a-z0-9])?)?$ ]] ||
    fail "the input \`key\` is up to 40 lower-case letters, digits and single -, _ or . between them"
folder=$RUNNER_TEMP/rolecall-plan${KEY:+-$KEY}
rm -rf "$folder"
mkdir -p "$folder"
markdown=$folder/plan.md
saved=$folder/rolecall.plan
annotations=$RUNNER_TEMP/rolecall-annotations${KEY:+-$KEY}
rm -f "$annotations"

words=(--detailed-exitcode --also "markdown=$markdown" --also "json=$folder/plan.json" --also "text=$folder/plan.txt"
    --also "id=$folder/plan.id" --annotate "github=$annotations")
if [[ -n $SNAPSHOT ]]; then
    words+=("--snapshot=$SNAPSHOT")
else
    words+=("--save=$saved")
fi
[[ -z $BASE ]] || words+=("--base=$BASE")
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
rolecall plan "${words[@]}" -- "$ACCESS_FILES" || code=$?
echo "::$quiet::"
# These are meant as commands: problems in the files, shown beside their lines.
[[ ! -s $annotations ]] || cat "$annotations"

# rolecall's own word in a file of its own, and not what stands in a comment. A plan that is not there has none.
id=
[[ ! -s $saved || ! -s $folder/plan.id ]] || id=$(<"$folder/plan.id")
[[ $id =~ ^[0-9a-f]{64}$ ]] || id=
# A key at the top of the document stands behind two spaces, and no text in it breaks a line.
would=$(sed -n 's/^  "would_apply": "\([a-z]*\)",$/\1/p' "$folder/plan.json" 2>/dev/null || true)
case $code:$would in
    0:*) changes=false ;;
    2:*) changes=true ;;
    # An expectation fails, and `apply` goes on all the same: it was so before, or may stop nobody.
    6:changes | 6:acknowledge) changes=true ;;
    6:nothing) changes=false ;;
    *) changes= ;;
esac
{
    echo "plan-id=$id"
    echo "exit-code=$code"
    echo "has-changes=$changes"
    echo "markdown=$markdown"
    echo "folder=$folder"
} >>"$GITHUB_OUTPUT"

if [[ -s $markdown ]]; then
    cat "$markdown" >>"$GITHUB_STEP_SUMMARY"
else
    echo "**rolecall made no plan** (exit code $code). The log of this job says why." >>"$GITHUB_STEP_SUMMARY"
fi
