"""python-gitlab against the GitLab of our tests.

    gitlab_client.py PHASE     with ROLECALL_HOST_URL, _TOKEN, _MARKER and _TEXT

Prints `version NAME VERSION` and a line for each check; stops with 1 at the first answer that is not as published.
"""

import os
import sys
from importlib.metadata import version

import gitlab

URL, TOKEN, MARKER, TEXT = (os.environ[f"ROLECALL_HOST_{name}"] for name in ("URL", "TOKEN", "MARKER", "TEXT"))


class Surprise(Exception):
    pass


def check(name, holds, seen):
    if not holds:
        raise Surprise(f"{name}: {seen}")
    print(f"ok {name}: {seen}", flush=True)


def refuse(name, status, call):
    try:
        call()
    except gitlab.GitlabError as error:
        check(name, error.response_code == status, error.response_code)
    else:
        raise Surprise(f"{name}: a refusal was expected")


def connect(token):
    return gitlab.Gitlab(URL, private_token=token, keep_base_url=True)


def merge_request(client):
    return client.projects.get("contoso/access", lazy=True).mergerequests.get(7, lazy=True)


def ours(notes):
    return [note for note in notes.list(iterator=True) if not note.system and note.body.startswith(MARKER)]


def first():
    print(f"version python-gitlab {version('python-gitlab')}")
    refuse("a token that is none", 401, lambda: merge_request(connect("nonsense")).notes.list(get_all=True))
    client = connect(TOKEN)
    client.auth()
    check("as whom the token acts", client.user.id == 41, client.user.username)
    notes = merge_request(client).notes
    before = [note for note in notes.list(iterator=True, per_page=50) if not note.system]
    check("all of more than a page", len(before) == 130, len(before))
    other = before[0]
    other.body = "x"
    refuse("a comment of somebody else", 403, other.save)
    made = notes.create({"body": "one"})
    check("a comment is created", made.author["id"] == 41, made.author["id"])
    made.body = "two"
    made.save()
    check("and edited", notes.get(made.id).body == "two", "two")
    made.body = "x" * 1_000_001
    refuse("a comment that is too long", 400, made.save)
    made.delete()
    check("a comment is deleted", len(notes.list(get_all=True)) == 131, 131)
    refuse("and is gone", 404, lambda: notes.update(made.id, {"body": "three"}))
    notes.create({"body": f"{MARKER}\nby the client"})
    issue = client.projects.get("contoso/access", lazy=True).issues.create(
        {"title": "rolecall: drift", "description": f"{MARKER.replace('plan', 'drift')}\nby the client", "labels": ["rolecall-drift"]}
    )
    check("an issue is opened", issue.labels == ["rolecall-drift"], issue.state)


def second():
    client = connect(TOKEN)
    found = ours(merge_request(client).notes)
    check("what rolecall wrote", [note.body for note in found] == [f"{MARKER}\n{TEXT}"], len(found))
    found[0].body = f"{MARKER}\nby hand"
    found[0].save()
    issues = client.projects.get("contoso/access", lazy=True).issues
    opened = issues.list(labels=["rolecall-drift"], state="opened", get_all=True)
    check("the issue that rolecall changed", len(opened) == 1 and opened[0].description.endswith(TEXT), len(opened))
    opened[0].state_event = "close"
    opened[0].save()
    check("an issue is closed", issues.get(opened[0].iid).state == "closed", "closed")


if __name__ == "__main__":
    try:
        {"first": first, "second": second}[sys.argv[1]]()
    except Surprise as surprise:
        sys.exit(f"surprise: {surprise}")
