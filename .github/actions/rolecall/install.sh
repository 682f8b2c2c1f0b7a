#!/usr/bin/env bash
# Puts rolecall on the PATH of the steps after this one: the program that PROGRAM names, or the release VERSION of REPOSITORY.
set -euo pipefail

fail() {
    echo "::error title=rolecall::$1"
    exit 1
}

folder=$RUNNER_TEMP/rolecall-program
mkdir -p "$folder"
if [[ -n $PROGRAM ]]; then
    [[ -x $PROGRAM ]] || fail "there is no program at the path that the input \`rolecall\` names"
    ln -sf "$(cd "$(dirname "$PROGRAM")" && pwd)/$(basename "$PROGRAM")" "$folder/rolecall"
else
    [[ $VERSION =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || fail "the input \`version\` names no release, such as v0.1.0"
    case $RUNNER_OS-$RUNNER_ARCH in
        Linux-X64) target=x86_64-unknown-linux-gnu ;;
        Linux-ARM64) target=aarch64-unknown-linux-gnu ;;
        macOS-ARM64) target=aarch64-apple-darwin ;;
        *) fail "there is no release for this runner ($RUNNER_OS, $RUNNER_ARCH): build rolecall and name it with the input \`rolecall\`" ;;
    esac
    # In its own repository an action has no repository of its own.
    repository=${REPOSITORY:-$GITHUB_REPOSITORY}
    # Of this very tag: an older release that is put in its place is attested, too.
    gh release download "$VERSION" --repo "$repository" --pattern "rolecall-$target.tar.gz" --dir "$folder" --clobber
    gh attestation verify "$folder/rolecall-$target.tar.gz" --repo "$repository" \
        --signer-workflow "$repository/.github/workflows/release.yml" --source-ref "refs/tags/$VERSION"
    tar -xzf "$folder/rolecall-$target.tar.gz" -C "$folder" --strip-components 1 "rolecall-$target/rolecall"
fi
"$folder/rolecall" --version
echo "$folder" >>"$GITHUB_PATH"
