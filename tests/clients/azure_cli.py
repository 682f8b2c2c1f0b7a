"""Azure CLI against a served sandbox: its own commands, and `az rest` where status and code are to be seen.

    azure_cli.py AZ     with the variables of the sandbox's credentials.env, AZURE_CONFIG_DIR and REQUESTS_CA_BUNDLE

Prints `version NAME VERSION` and a line for each check; stops with 1 at the first answer that is not as documented.
"""

import json
import os
import re
import subprocess
import sys

URL = os.environ["ROLECALL_SANDBOX_URL"]
V1 = f"{URL}/v1.0"
NOBODY = "11111111-1111-4111-8111-111111111111"
EVENTUAL = ["ConsistencyLevel=eventual"]


class Surprise(Exception):
    pass


def check(name, holds, seen):
    if not holds:
        raise Surprise(f"{name}: {seen}")
    print(f"ok {name}: {seen}", flush=True)


def az(*arguments):
    """What a command of `az` prints, as JSON."""
    done = subprocess.run([sys.argv[1], *arguments, "--output", "json"], capture_output=True, text=True)
    if done.returncode:
        raise Surprise(f"az {' '.join(arguments)}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def rest(method, path, body=None, headers=(), token=True):
    """Status and body of a call; `az rest` says the status only where it says everything."""
    url = path if path.startswith("https://") else f"{V1}/{path}"
    arguments = ["rest", "--method", method, "--url", url, "--debug"]
    # Everything is at one origin here, so `az` cannot tell by the address whose token is meant.
    arguments += ["--resource", "https://graph.microsoft.com"] if token else ["--skip-authorization-header"]
    if body is not None:
        arguments += ["--body", json.dumps(body)]
    if headers:
        arguments += ["--headers", *headers]
    done = subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True)
    statuses = re.findall(r"Response status: (\d+)", done.stderr)
    if not statuses:
        raise Surprise(f"{method} {path}: no status, but {done.stderr[-2000:]}")
    if done.returncode == 0:
        return int(statuses[-1]), json.loads(done.stdout) if done.stdout.strip() else None
    refused = re.search(r"\((\{\"error\".*\})\)", done.stderr)
    return int(statuses[-1]), json.loads(refused[1]) if refused else {}


def expect(name, status, call):
    """The body of an answer that is to have this status."""
    found, body = call
    check(name, found == status, found if found == status else f"{found}: {body}")
    return body


def refuse(name, status, code, call, words=""):
    """Holds when the call was refused with this status and code, and the message has these words."""
    found, body = call
    error = (body or {}).get("error", {})
    said = f"{found} {error.get('code')}"
    holds = said == f"{status} {code}" and words in error["message"] and error["innerError"]["request-id"]
    check(name, holds, said if holds else f"{found}: {body}")


def sign_in():
    az("cloud", "register", "--name", "Sandbox", "--endpoint-resource-manager", URL)
    az("cloud", "set", "--name", "Sandbox")
    az("config", "set", "core.instance_discovery=false", "--only-show-errors")
    az(
        "login", "--service-principal", "--allow-no-subscriptions", "--tenant", os.environ["AZURE_TENANT_ID"],
        "--username", os.environ["AZURE_CLIENT_ID"], "--password", os.environ["AZURE_CLIENT_SECRET"],
    )


def reading():
    counts = {}
    for group in az("ad", "group", "list"):
        counts[group["id"]] = rest("GET", f"groups/{group['id']}/members/$count", headers=EVENTUAL)[1]
    large, members = max(counts.items(), key=lambda entry: entry[1])
    page = rest("GET", f"groups/{large}/members")[1]
    check("a page without $top", len(page["value"]) == 100 and page["@odata.nextLink"], f"{len(page['value'])} and more")

    # A hundred on a page, and so many pages.
    listed = {member["id"] for member in az("ad", "group", "member", "list", "--group", large)}
    first = rest("GET", f"groups/{large}/members?$top=999&$select=id")[1]
    second = rest("GET", first["@odata.nextLink"])[1]
    seen = [member["id"] for page in (first, second) for member in page["value"]]
    holds = members > 999 and len(first["value"]) == 999 and len(seen) == members and set(seen) == listed
    check("more than 999 members", holds and "@odata.nextLink" not in second, f"{len(seen)} of {members}")
    types = {member["@odata.type"] for member in first["value"]}
    check("members say their type", "#microsoft.graph.user" in types, "user")

    users = "users?$top=999&$count=true&$select=id&$filter=endsWith(userPrincipalName,'@contoso.com')"
    first = rest("GET", users, headers=EVENTUAL)[1]
    following = first["@odata.nextLink"]
    refuse("a next page without the header", 400, "Request_UnsupportedQuery", rest("GET", following))
    second = rest("GET", following, headers=EVENTUAL)[1]
    counts = first["@odata.count"], second.get("@odata.count")
    check("the count is on the first page", counts[0] > 999 and counts[1] is None, f"{counts[0]}, then {counts[1]}")

    advanced = rest("GET", "users?$filter=userPrincipalName ne 'a@contoso.com'")
    refuse("an advanced query without the header", 400, "Request_UnsupportedQuery", advanced)
    clauses = " or ".join(f"userPrincipalName eq 'u{n}@contoso.com'" for n in range(16))
    refuse("more than 15 clauses", 400, "Request_UnsupportedQuery", rest("GET", f"users?$filter={clauses}"))
    return [user["id"] for user in first["value"][:4]]


def writing(people):
    body = {"displayName": "clients-rest", "mailNickname": "clients-rest", "mailEnabled": False, "securityEnabled": True}
    made = expect("a group is created", 201, rest("POST", "groups", body))
    group = made["id"]
    read = az("ad", "group", "show", "--group", "clients-rest")
    check("and read back", read["id"] == group and read["securityEnabled"], read["displayName"])

    def upsert(body):
        return rest("PATCH", "groups(uniqueName='clients.az')", body, ["Prefer=create-if-missing"])

    expect("a key that is free creates", 201, upsert({**body, "displayName": "clients-keyed"}))
    expect("a key that is taken updates", 204, upsert({"description": "again"}))
    updated = rest("GET", "groups(uniqueName='clients.az')")[1]["description"]
    check("the update is there", updated == "again", updated)

    def reference(id):
        return {"@odata.id": f"{V1}/directoryObjects/{id}"}

    def add(relation, id):
        return rest("POST", f"groups/{group}/{relation}/$ref", reference(id))

    def remove(relation, id):
        return rest("DELETE", f"groups/{group}/{relation}/{id}/$ref")

    expect("a member is added", 204, add("members", people[0]))
    there = "added object references already exist"
    refuse("a member who is there already", 400, "Request_BadRequest", add("members", people[0]), there)
    refuse("a member who does not exist", 404, "Request_ResourceNotFound", add("members", NOBODY), NOBODY)

    def bind(ids):
        return rest("PATCH", f"groups/{group}", {"members@odata.bind": [f"{V1}/users/{id}" for id in ids]})

    expect("two members at once", 204, bind(people[1:3]))
    refuse("all at once or none", 400, "Request_BadRequest", bind(people[2:4]), there)
    members = [member["id"] for member in az("ad", "group", "member", "list", "--group", group)]
    check("three are members", sorted(members) == sorted(people[:3]), len(members))
    expect("a member is removed", 204, remove("members", people[0]))
    gone = "removed object references do not exist"
    refuse("a member who is gone already", 400, "Request_BadRequest", remove("members", people[0]), gone)
    expect("an owner is added", 204, add("owners", people[0]))
    last = "must have at least one owner"
    refuse("the last owner stays", 400, "Request_BadRequest", remove("owners", people[0]), last)

    # What people type, which says neither status nor code.
    az("ad", "group", "create", "--display-name", "clients-az", "--mail-nickname", "clients-az")
    az("ad", "group", "member", "add", "--group", "clients-az", "--member-id", people[0])
    asked = az("ad", "group", "member", "check", "--group", "clients-az", "--member-id", people[0])
    az("ad", "group", "owner", "add", "--group", "clients-az", "--owner-object-id", people[1])
    az("ad", "group", "member", "remove", "--group", "clients-az", "--member-id", people[0])
    left = az("ad", "group", "member", "list", "--group", "clients-az")
    owners = [owner["id"] for owner in az("ad", "group", "owner", "list", "--group", "clients-az")]
    holds = asked["value"] is True and left == [] and people[1] in owners
    check("commands for groups", holds, "create, add, check, own, remove" if holds else f"{asked} {left} {owners}")
    az("ad", "group", "delete", "--group", "clients-az")
    return group


def batches(group, people):
    def get(id, path, **more):
        return {"id": id, "method": "GET", "url": path, **more}

    def send(*requests):
        status, body = rest("POST", "$batch", {"requests": requests})
        return status, {answer["id"]: answer for answer in body.get("responses", [])}

    add = {
        "id": "add", "method": "POST", "url": f"/groups/{group}/members/$ref",
        "headers": {"Content-Type": "application/json"}, "body": {"@odata.id": f"{V1}/directoryObjects/{people[3]}"},
    }
    throttled = get("throttled", "/organization")
    status, answers = send(get("group", f"/groups/{group}"), throttled, add, get("missing", f"/groups/{NOBODY}"))
    said = " ".join(f"{name} {answers[name]['status']}" for name in ("group", "throttled", "add", "missing"))
    check("a batch", said == "group 200 throttled 429 add 204 missing 404" and status == 200, said)
    wait = answers["throttled"]["headers"]["Retry-After"]
    check("429 inside a batch says when to come again", wait == "0.250", wait)
    check("204 inside a batch has no body", "body" not in answers["add"], "none")
    again = send(throttled)[1]["throttled"]["status"]
    check("and then it is answered", again == 200, again)

    _, answers = send(get("1", f"/groups/{NOBODY}"), get("2", f"/groups/{group}", dependsOn=["1"]))
    said = answers["1"]["status"], answers["2"]["status"]
    check("what depends on a failure", said == (404, 424), said[1])
    twice = rest("POST", "$batch", {"requests": [throttled, throttled]})
    refuse("an id twice in a batch", 400, "BadRequest", twice)
    many = [get(str(n), f"/groups/{group}") for n in range(21)]
    refuse("more than 20 in a batch", 400, "BadRequest", rest("POST", "$batch", {"requests": many}))


def deltas(group, people):
    pages = 0

    def round(following):
        nonlocal pages
        changes = {}
        while following:
            page = rest("GET", following)[1]
            changes.update({change["id"]: change for change in page["value"]})
            following = page.get("@odata.nextLink")
            pages += 1
        return changes, page["@odata.deltaLink"]

    _, link = round("groups/delta?$select=displayName,members")
    check("a delta round of everything", pages > 1 and link, f"{pages} pages")
    rest("DELETE", f"groups/{group}/members/{people[1]}/$ref")
    keyed = rest("GET", "groups(uniqueName='clients.az')")[1]["id"]
    expect("a group is deleted", 204, rest("DELETE", f"groups/{keyed}"))
    changes, link = round(link)
    gone = [(member["id"], member["@removed"]["reason"]) for member in changes[group]["members@delta"] if "@removed" in member]
    check("a delta round names who left", gone == [(people[1], "deleted")], gone[0][1])
    reason = changes[keyed]["@removed"]["reason"]
    check("and which group was deleted", reason == "changed", reason)

    refuse("a deleted group", 404, "Request_ResourceNotFound", rest("GET", f"groups/{keyed}"), keyed)
    deleted = [group["id"] for group in rest("GET", "directory/deletedItems/microsoft.graph.group")[1]["value"]]
    check("is among the deleted items", keyed in deleted, len(deleted))
    restored = expect("and is restored", 200, rest("POST", f"directory/deletedItems/{keyed}/restore"))
    back = rest("GET", f"groups/{keyed}")[1]
    check("under the same id", restored["id"] == back["id"] == keyed and back["uniqueName"] == "clients.az", "same")

    rest("DELETE", f"groups/{keyed}")
    expect("a group is purged", 204, rest("DELETE", f"directory/deletedItems/{keyed}"))
    again = rest("POST", f"directory/deletedItems/{keyed}/restore")
    refuse("and cannot come back", 404, "Request_ResourceNotFound", again, keyed)
    changes, _ = round(link)
    reason = changes[keyed]["@removed"]["reason"]
    check("a delta round says so", reason == "deleted", reason)


def run():
    print(f"version azure-cli {az('version')['azure-cli']}")
    sign_in()
    stranger = rest("GET", "groups", headers=["Authorization=Bearer nonsense"], token=False)
    refuse("a token that is none", 401, "InvalidAuthenticationToken", stranger)
    people = reading()
    group = writing(people)
    batches(group, people)
    deltas(group, people)


if __name__ == "__main__":
    try:
        run()
    except Surprise as surprise:
        sys.exit(f"surprise: {surprise}")
