#!/usr/bin/env bash
# Registers the two identities in Entra, `rolecall-reader` and `rolecall-writer`, with the permissions of Microsoft Graph that they
# need, and prints what to put where. Neither has a secret. Needs the Azure CLI, and somebody who may consent to permissions of
# applications. It may be run again: what is there stays.
set -euo pipefail

graph=00000003-0000-0000-c000-000000000000
# PrivilegedAssignmentSchedule.Read.AzureADGroup is not needed with `tenant: { pim: none }`. AuditLog.Read.All may be added: `drift` then
# says who changed a group and when.
reads=(Group.Read.All User.Read.All Application.Read.All PrivilegedAssignmentSchedule.Read.AzureADGroup)
# Enough where only members of adopted groups change: GroupMember.ReadWrite.All.
writes=(Group.ReadWrite.All)

# register NAME PERMISSION...: prints the client id.
register() {
    local name=$1 app permission role
    shift
    app=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
    az ad sp show --id "$app" --output none 2>/dev/null || az ad sp create --id "$app" --output none
    for permission in "$@"; do
        role=$(az ad sp show --id "$graph" --query "appRoles[?value=='$permission'].id | [0]" --output tsv)
        az ad app permission add --id "$app" --api "$graph" --api-permissions "$role=Role" --output none 2>/dev/null
    done
    # Entra takes its time to know an app everywhere.
    for _ in 1 2 3 4 5 6; do
        ! az ad app permission admin-consent --id "$app" 2>/dev/null || break
        sleep 10
    done
    echo "$app"
}

reader=$(register rolecall-reader "${reads[@]}")
writer=$(register rolecall-writer "${reads[@]}" "${writes[@]}")
cat <<END
ROLECALL_READER_CLIENT_ID  $reader
ROLECALL_WRITER_CLIENT_ID  $writer    (also in rolecall.yaml: appliers: [$writer])

On every cluster whose API server trusts Entra and names people by object id (put the prefix of its users in front), after
\`kubectl apply -f docs/permissions.yaml\`:
  kubectl create clusterrolebinding rolecall-plan --clusterrole rolecall-plan \\
      --user $(az ad sp show --id "$reader" --query id --output tsv) --user $(az ad sp show --id "$writer" --query id --output tsv)
  kubectl create clusterrolebinding rolecall-apply --clusterrole rolecall-apply \\
      --user $(az ad sp show --id "$writer" --query id --output tsv)
END
