"""The Microsoft Graph SDK for Python against a served sandbox.

    graph_sdk.py CA_FILE     with the variables of the sandbox's credentials.env

Prints `version NAME VERSION` and a line for each check; stops with 1 at the first answer that is not as documented.
"""

import asyncio
import json
import os
import ssl
import sys
from importlib.metadata import version

import httpx
from azure.identity import ClientSecretCredential
from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import AccessTokenProvider, BaseBearerTokenAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph_core import GraphClientFactory, PageIterator
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph.generated.groups.groups_request_builder import GroupsRequestBuilder
from msgraph.generated.groups.item.members.members_request_builder import MembersRequestBuilder
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.users.users_request_builder import UsersRequestBuilder

URL = os.environ["ROLECALL_SANDBOX_URL"]
V1 = f"{URL}/v1.0"
NOBODY = "11111111-1111-4111-8111-111111111111"


class Surprise(Exception):
    pass


def check(name, holds, seen):
    if not holds:
        raise Surprise(f"{name}: {seen}")
    print(f"ok {name}: {seen}", flush=True)


class Sandbox:
    """A client, and the status of the last answer that it got."""

    def __init__(self, ca, authenticate):
        self.status = None

        async def note(response):
            self.status = response.status_code

        http = httpx.AsyncClient(
            verify=ssl.create_default_context(cafile=ca), base_url=V1, timeout=60, event_hooks={"response": [note]}
        )
        self.adapter = GraphRequestAdapter(
            authenticate, GraphClientFactory.create_with_default_middleware(client=http)
        )
        self.adapter.base_url = V1
        self.graph = GraphServiceClient(request_adapter=self.adapter)

    async def expect(self, name, status, call):
        """The answer to a call that is to succeed with this status."""
        try:
            answer = await call
        except APIError as error:
            raise Surprise(f"{name}: {error}") from error
        check(name, self.status == status, self.status)
        return answer

    async def refuse(self, name, status, code, call, words=""):
        """Holds when the call is refused with this status and code, and the message has these words."""
        try:
            await call
        except APIError as error:
            refused = getattr(error, "error", None)
            said = f"{error.response_status_code} {refused and refused.code}"
            request = refused and refused.inner_error and refused.inner_error.request_id
            holds = said == f"{status} {code}" and words in (refused.message or "") and request
            check(name, holds, said if holds else f"{said}: {refused and refused.message} ({request})")
        else:
            raise Surprise(f"{name}: {self.status}, and a refusal was expected")


def headers(**values):
    collection = HeadersCollection()
    for name, value in values.items():
        collection.add(name, value)
    return collection


def eventual(query=None):
    return RequestConfiguration(headers=headers(ConsistencyLevel="eventual"), query_parameters=query)


def reference(id):
    return ReferenceCreate(odata_id=f"{V1}/directoryObjects/{id}")


def security_group(name):
    return Group(
        display_name=name, mail_nickname=name, mail_enabled=False, security_enabled=True, group_types=[]
    )


def item(builder_request, id, after=()):
    """A request of a batch. The SDK leaves the origin in its address, which Graph answers with 400."""
    item = BatchRequestItem(builder_request, id, list(after))
    item.url = item.url.removeprefix(V1)
    return item


async def reading(sandbox):
    graph = sandbox.graph
    groups = (await graph.groups.get()).value
    counts = {group.id: await graph.groups.by_group_id(group.id).members.count.get(eventual()) for group in groups}
    large, members = max(counts.items(), key=lambda entry: entry[1])

    page = await graph.groups.by_group_id(large).members.get()
    check("a page without $top", len(page.value) == 100 and page.odata_next_link, f"{len(page.value)} and more")

    query = MembersRequestBuilder.MembersRequestBuilderGetQueryParameters(
        top=999, select=["id", "userPrincipalName", "accountEnabled"]
    )
    first = await graph.groups.by_group_id(large).members.get(RequestConfiguration(query_parameters=query))
    seen = []
    await PageIterator(first, sandbox.adapter).iterate(lambda member: seen.append(member) or True)
    holds = members > 999 and len({member.id for member in seen}) == len(seen) == members
    check("more than 999 members", holds and len(first.value) == 999, f"{len(seen)} of {members}")
    check("members say their type", {type(member).__name__ for member in seen} >= {"User"}, "User")

    # Small pages: the SDK takes 20 ms to make a user out of its JSON.
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        top=10, count=True, select=["id"], filter="endsWith(userPrincipalName,'@contoso.com')"
    )
    first = await graph.users.get(eventual(query))
    await sandbox.refuse(
        "a next page without the header", 400, "Request_UnsupportedQuery",
        graph.users.with_url(first.odata_next_link).get(),
    )
    second = await graph.users.with_url(first.odata_next_link).get(eventual())
    seen = f"{first.odata_count}, then {second.odata_count}"
    check("the count is on the first page", first.odata_count > 999 and second.odata_count is None, seen)

    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters
    advanced = query(filter="userPrincipalName ne 'a@contoso.com'")
    await sandbox.refuse(
        "an advanced query without the header", 400, "Request_UnsupportedQuery",
        graph.users.get(RequestConfiguration(query_parameters=advanced)),
    )
    many = query(filter=" or ".join(f"userPrincipalName eq 'u{n}@contoso.com'" for n in range(16)))
    await sandbox.refuse(
        "more than 15 clauses", 400, "Request_UnsupportedQuery",
        graph.users.get(RequestConfiguration(query_parameters=many)),
    )
    return [user.id for user in first.value[:4]]


async def writing(sandbox, people):
    graph = sandbox.graph
    made = await sandbox.expect("a group is created", 201, graph.groups.post(security_group("clients-python")))
    group = graph.groups.by_group_id(made.id)
    read = await group.get()
    check("and read back", read.display_name == "clients-python" and read.security_enabled, read.display_name)

    missing = RequestConfiguration(headers=headers(Prefer="create-if-missing"))
    keyed = graph.groups_with_unique_name("clients.python")
    await sandbox.expect("a key that is free creates", 201, keyed.patch(security_group("clients-keyed"), missing))
    await sandbox.expect("a key that is taken updates", 204, keyed.patch(Group(description="again"), missing))
    check("the update is there", (await keyed.get()).description == "again", "again")

    await sandbox.expect("a member is added", 204, group.members.ref.post(reference(people[0])))
    await sandbox.refuse(
        "a member who is there already", 400, "Request_BadRequest", group.members.ref.post(reference(people[0])),
        "added object references already exist",
    )
    await sandbox.refuse(
        "a member who does not exist", 404, "Request_ResourceNotFound", group.members.ref.post(reference(NOBODY)), NOBODY
    )
    bind = Group(additional_data={"members@odata.bind": [f"{V1}/users/{id}" for id in people[1:3]]})
    await sandbox.expect("two members at once", 204, group.patch(bind))
    await sandbox.refuse(
        "all at once or none", 400, "Request_BadRequest",
        group.patch(Group(additional_data={"members@odata.bind": [f"{V1}/users/{id}" for id in people[2:4]]})),
        "added object references already exist",
    )
    members = [member.id for member in (await group.members.get()).value]
    check("three are members", sorted(members) == sorted(people[:3]), len(members))
    remove = group.members.by_directory_object_id(people[0]).ref.delete
    await sandbox.expect("a member is removed", 204, remove())
    await sandbox.refuse(
        "a member who is gone already", 400, "Request_BadRequest", remove(), "removed object references do not exist"
    )
    await sandbox.expect("an owner is added", 204, group.owners.ref.post(reference(people[0])))
    await sandbox.refuse(
        "the last owner stays", 400, "Request_BadRequest",
        group.owners.by_directory_object_id(people[0]).ref.delete(), "must have at least one owner",
    )
    return made.id


async def batches(sandbox, id, people):
    graph = sandbox.graph
    group = graph.groups.by_group_id(id)

    async def send(*items):
        content = BatchRequestContent()
        for each in items:
            content.add_request(each.id, each)
        answer = await graph.batch.post(content)
        return answer.responses

    throttled = graph.organization.to_get_request_information()
    answers = await send(
        item(group.to_get_request_information(), "group"),
        item(throttled, "throttled"),
        item(group.members.ref.to_post_request_information(reference(people[3])), "add"),
        item(graph.groups.by_group_id(NOBODY).to_get_request_information(), "missing"),
    )
    said = " ".join(f"{name} {answers[name].status}" for name in ("group", "throttled", "add", "missing"))
    check("a batch", said == "group 200 throttled 429 add 204 missing 404" and sandbox.status == 200, said)
    wait = answers["throttled"].headers.get("Retry-After")
    check("429 inside a batch says when to come again", float(wait) == 0.25, wait)
    check("204 inside a batch has no body", answers["add"].body is None, "none")
    again = (await send(item(throttled, "throttled")))["throttled"].status
    check("and then it is answered", again == 200, again)


async def dependencies(sandbox, id):
    """By hand: the SDK writes `depends_on`, which Graph does not know."""
    graph = sandbox.graph
    requests = [
        {"id": "1", "method": "GET", "url": f"/groups/{NOBODY}"},
        {"id": "2", "method": "GET", "url": f"/groups/{id}", "dependsOn": ["1"]},
    ]
    def batch(requests):
        info = RequestInformation(Method.POST, "{+baseurl}/$batch", {"baseurl": V1})
        info.headers.add("Content-Type", "application/json")
        info.content = json.dumps({"requests": requests}).encode()
        return sandbox.adapter.send_primitive_async(info, "bytes", {"XXX": ODataError})

    answers = json.loads(await batch(requests))["responses"]
    said = {answer["id"]: answer["status"] for answer in answers}
    check("what depends on a failure", said == {"1": 404, "2": 424}, said["2"])
    await sandbox.refuse("an id twice in a batch", 400, "BadRequest", batch([requests[0], requests[0]]))
    many = [{**requests[0], "id": str(n)} for n in range(21)]
    await sandbox.refuse("more than 20 in a batch", 400, "BadRequest", batch(many))


async def deltas(sandbox, id, people):
    graph = sandbox.graph
    query = {"query_parameters": GroupsRequestBuilder.GroupsRequestBuilderGetQueryParameters(select=["displayName", "members"])}
    first = await graph.groups.delta.get(RequestConfiguration(**query))
    pages = 1
    while first.odata_next_link:
        first = await graph.groups.delta.with_url(first.odata_next_link).get()
        pages += 1
    check("a delta round of everything", pages > 1 and first.odata_delta_link, f"{pages} pages")

    group = graph.groups.by_group_id(id)
    await group.members.by_directory_object_id(people[1]).ref.delete()
    keyed = (await graph.groups_with_unique_name("clients.python").get()).id
    await sandbox.expect("a group is deleted", 204, graph.groups.by_group_id(keyed).delete())
    second = await graph.groups.delta.with_url(first.odata_delta_link).get()
    changes = {change.id: change.additional_data for change in second.value}
    gone = [m for m in changes[id]["members@delta"] if "@removed" in m]
    # The SDK makes ids of what it has no model for into UUIDs.
    said = [(str(member["id"]), member["@removed"]["reason"]) for member in gone]
    check("a delta round names who left", said == [(people[1], "deleted")], said[0][1])
    check("and which group was deleted", changes[keyed]["@removed"]["reason"] == "changed", "changed")

    deleted = graph.directory.deleted_items
    await sandbox.refuse("a deleted group", 404, "Request_ResourceNotFound", graph.groups.by_group_id(keyed).get(), keyed)
    found = [group.id for group in (await deleted.graph_group.get()).value]
    check("is among the deleted items", keyed in found, len(found))
    restored = await sandbox.expect(
        "and is restored", 200, deleted.by_directory_object_id(keyed).restore.post()
    )
    back = await graph.groups.by_group_id(keyed).get()
    check("under the same id", restored.id == back.id == keyed and back.unique_name == "clients.python", "same")

    await graph.groups.by_group_id(keyed).delete()
    await sandbox.expect("a group is purged", 204, deleted.by_directory_object_id(keyed).delete())
    await sandbox.refuse(
        "and cannot come back", 404, "Request_ResourceNotFound",
        deleted.by_directory_object_id(keyed).restore.post(), keyed,
    )
    third = await graph.groups.delta.with_url(second.odata_delta_link).get()
    changes = {change.id: change.additional_data for change in third.value}
    check("a delta round says so", changes[keyed]["@removed"]["reason"] == "deleted", "deleted")


class Nonsense(AccessTokenProvider):
    async def get_authorization_token(self, uri, additional_authentication_context={}):
        return "nonsense"

    def get_allowed_hosts_validator(self):
        return None


async def run(ca):
    print(f"version msgraph-sdk {version('msgraph-sdk')}")
    credential = ClientSecretCredential(
        os.environ["AZURE_TENANT_ID"],
        os.environ["AZURE_CLIENT_ID"],
        os.environ["AZURE_CLIENT_SECRET"],
        authority=URL,
        disable_instance_discovery=True,
        connection_verify=ca,
    )
    host = httpx.URL(URL).host
    sandbox = Sandbox(
        ca, AzureIdentityAuthenticationProvider(credential, scopes=[f"{URL}/.default"], allowed_hosts=[host])
    )
    stranger = Sandbox(ca, BaseBearerTokenAuthenticationProvider(Nonsense()))
    await stranger.refuse("a token that is none", 401, "InvalidAuthenticationToken", stranger.graph.groups.get())
    people = await reading(sandbox)
    id = await writing(sandbox, people)
    await batches(sandbox, id, people)
    await dependencies(sandbox, id)
    await deltas(sandbox, id, people)


if __name__ == "__main__":
    try:
        asyncio.run(run(sys.argv[1]))
    except Surprise as surprise:
        sys.exit(f"surprise: {surprise}")
