#!/usr/bin/env bash
# Ends the job as the exit code asks, once everything else was shown and kept.
set -euo pipefail

fail() {
    echo "::error title=rolecall $MODE::$1"
    # Not the code of rolecall: a runner knows only 0 and the rest, and the output `exit-code` has it.
    exit 1
}

case $MODE:$EXIT_CODE in
    plan:0) echo "Nothing to apply." ;;
    plan:2) echo "There are changes; the saved plan is an artifact of this run." ;;
    apply:0) echo "Applied." ;;
    plan:1) fail "The plan failed, or a part could not be read; see the log and the summary" ;;
    plan:6)
        [[ -n $HAS_CHANGES ]] || fail "An expectation fails, and apply would write nothing; the plan says which"
        echo "::warning title=rolecall plan::An expectation fails and does not stop apply; the plan says which"
        ;;
    apply:1) fail "Nothing was written: an error; see the log" ;;
    apply:2) fail "Nothing was written: all that is left is withheld" ;;
    apply:3) fail "Nothing was written: a guard refused; the plan says how it is acknowledged" ;;
    apply:4) fail "Something was written, and not everything; the journal is an artifact of this run. Run it again once what failed is mended" ;;
    apply:5) fail "Nothing was written: what was approved no longer holds. Plan again and have that approved" ;;
    apply:6) fail "An expectation fails; the log says what was written" ;;
    apply:130) fail "Interrupted; nothing was written" ;;
    plan: | apply:) fail "rolecall was not run; an earlier step says why" ;;
    plan:* | apply:*) fail "rolecall ended with exit code $EXIT_CODE; see the log" ;;
    *) fail "the input \`mode\` is plan, apply or install" ;;
esac
