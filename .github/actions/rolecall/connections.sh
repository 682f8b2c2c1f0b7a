#!/usr/bin/env bash
# Writes the connections file and the certificates that it names, and tells the steps after this one where it is.
set -euo pipefail

folder=$RUNNER_TEMP/rolecall-connections
mkdir -p "$folder"
printf '%s\n' "$CONNECTIONS" >"$folder/connections.yaml"
printf '%s\n' "$CLUSTER_CA" >"$folder/cluster-ca.pem"
echo "ROLECALL_CONNECTIONS=$folder/connections.yaml" >>"$GITHUB_ENV"
