#!/usr/bin/env bash
# Registers the two identities in Entra, `rolecall-reader` and `rolecall-writer`, with the permissions of Microsoft Graph that they
# need, and prints what to put where. Neither has a secret. Needs the Azure CLI, and somebody who may consent to permissions of
# applications. It may be run again: what is there stays.
set -euo pipefail
# A failure inside of $(…) is one, too.
shopt -s inherit_errexit

graph=00000003-0000-0000-c000-000000000000
# PrivilegedAssignmentSchedule.Read.AzureADGroup is not needed with `tenant: { pim: none }`. AuditLog.Read.All may be added: `drift` then
# says who changed a group and when.
reads=(Group.Read.All User.Read.All Application.Read.All PrivilegedAssignmentSchedule.Read.AzureADGroup)
# Enough where only members of adopted groups change: GroupMember.ReadWrite.All.
writes=(Group.ReadWrite.All)

fail() {
    echo "two-apps.sh: $1" >&2
    exit 1
}

# ask WHAT ARGUMENT...: prints what az answers, one line; stops where it fails or answers nothing.
ask() {
    local what=$1 answer
    shift
    answer=$(az "$@") || fail "$what failed; what az says stands above. What was made before that stays: run this again"
    [[ -n $answer ]] || fail "$what: az answered nothing"
    printf '%s\n' "$answer"
}

# register NAME PERMISSION...: prints the client id.
register() {
    local name=$1 app permission role granted
    shift
    # Where there is an app of this name, az takes that.
    app=$(ask "registering $name" ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
    az ad sp show --id "$app" --output none 2>/dev/null || az ad sp create --id "$app" --output none ||
        fail "making the service principal of $name ($app) failed; what az says stands above"
    granted=$(az ad app show --id "$app" --query 'requiredResourceAccess[].resourceAccess[].id' --output tsv) ||
        fail "reading the permissions of $name ($app) failed; what az says stands above"
    for permission in "$@"; do
        role=$(ask "looking for the permission $permission" ad sp show --id "$graph" \
            --query "appRoles[?value=='$permission'].id | [0]" --output tsv)
        [[ $granted != *"$role"* ]] || continue
        az ad app permission add --id "$app" --api "$graph" --api-permissions "$role=Role" --output none --only-show-errors ||
            fail "adding the permission $permission to $name ($app) failed; what az says stands above"
    done
    echo "$app"
}

# consent APP: whether what the app asks for is granted, by now or by us.
consent() {
    local app=$1 asked has role missing='' _
    asked=$(az ad app show --id "$app" --query 'requiredResourceAccess[].resourceAccess[].id' --output tsv) || asked=
    has=$(az rest --method get --url "https://graph.microsoft.com/v1.0/servicePrincipals(appId='$app')/appRoleAssignments" \
        --query 'value[].appRoleId' --output tsv 2>/dev/null) || has=
    for role in $asked; do
        [[ $has == *"$role"* ]] || missing=$role
    done
    [[ -z $asked || -n $missing ]] || return 0
    # Entra takes its time to know an app everywhere.
    for _ in 1 2 3 4 5 6; do
        ! az ad app permission admin-consent --id "$app" >&2 || return 0
        sleep "${TWO_APPS_WAIT:-10}"
    done
    return 1
}

command -v az >/dev/null || fail "there is no \`az\`: install the Azure CLI"
az account show --output none || fail "nobody is signed in: run \`az login --allow-no-subscriptions\` first"
reader=$(register rolecall-reader "${reads[@]}")
writer=$(register rolecall-writer "${reads[@]}" "${writes[@]}")
refused=()
for app in "$reader" "$writer"; do
    consent "$app" || refused+=("$app")
done
reader_object=$(ask "looking for the object id of rolecall-reader" ad sp show --id "$reader" --query id --output tsv)
writer_object=$(ask "looking for the object id of rolecall-writer" ad sp show --id "$writer" --query id --output tsv)
cat <<END
ROLECALL_READER_CLIENT_ID  $reader
ROLECALL_WRITER_CLIENT_ID  $writer    (also in rolecall.yaml: appliers: [$writer])

On every cluster whose API server trusts Entra and names people by object id (put the prefix of its users in front), with
permissions.yaml from the archive of the release of rolecall that you use:
  kubectl apply -f permissions.yaml
  kubectl create clusterrolebinding rolecall-plan --clusterrole rolecall-plan \\
      --user $reader_object --user $writer_object
  kubectl create clusterrolebinding rolecall-apply --clusterrole rolecall-apply \\
      --user $writer_object
END
if ((${#refused[@]} > 0)); then
    {
        echo "two-apps.sh: the apps are there, and consent to what they may do was refused, as said above. Neither works before it is given."
        echo "Ask a Privileged Role Administrator to run:"
        printf '    az ad app permission admin-consent --id %s\n' "${refused[@]}"
    } >&2
    exit 1
fi
