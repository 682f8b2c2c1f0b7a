// The Microsoft Graph client for JavaScript against a served sandbox.
//
//     graph_client.cjs     with the variables of the sandbox's credentials.env, NODE_EXTRA_CA_CERTS and NODE_PATH
//
// Prints `version NAME VERSION` and a line for each check; stops with 1 at the first answer that is not as documented.
"use strict";

const { ClientSecretCredential } = require("@azure/identity");
const {
  BatchRequestContent,
  BatchResponseContent,
  Client,
  GraphError,
  MiddlewareFactory,
  PageIterator,
} = require("@microsoft/microsoft-graph-client");
const { TokenCredentialAuthenticationProvider } = require("@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials");
const { version } = require("@microsoft/microsoft-graph-client/package.json");

const url = process.env.ROLECALL_SANDBOX_URL;
const v1 = `${url}/v1.0`;
const nobody = "11111111-1111-4111-8111-111111111111";
const eventual = { ConsistencyLevel: "eventual" };

class Surprise extends Error {}

function check(name, holds, seen) {
  if (!holds) throw new Surprise(`${name}: ${seen}`);
  console.log(`ok ${name}: ${seen}`);
}

/** Notes the status of the last answer. */
class Note {
  setNext(next) {
    this.next = next;
  }
  async execute(context) {
    await this.next.execute(context);
    this.status = context.response.status;
  }
}

function connect(authProvider) {
  const note = new Note();
  const [first, ...rest] = MiddlewareFactory.getDefaultMiddlewareChain(authProvider);
  note.setNext(first);
  [first, ...rest].reduce((before, after) => (before.setNext(after), after));
  const client = Client.initWithMiddleware({
    middleware: [note, first, ...rest],
    baseUrl: `${url}/`,
    defaultVersion: "v1.0",
    // Without this the client leaves the token out, and says nothing.
    customHosts: new Set([new URL(url).hostname]),
  });
  return { client, note };
}

/** The answer to a call that is to succeed with this status. */
async function expect({ note }, name, status, call) {
  let answer;
  try {
    answer = await call;
  } catch (error) {
    throw new Surprise(`${name}: ${error.statusCode} ${error.code} ${error.message}`);
  }
  check(name, note.status === status, note.status);
  return answer;
}

/** Holds when the call is refused with this status and code, and the message has these words. */
async function refuse(name, status, code, call, words = "") {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    const said = `${error.statusCode} ${error.code}`;
    const holds = said === `${status} ${code}` && error.message.includes(words) && error.requestId;
    check(name, holds, holds ? said : `${said}: ${error.message} (${error.requestId})`);
    return;
  }
  throw new Surprise(`${name}: a refusal was expected`);
}

const reference = (id) => ({ "@odata.id": `${v1}/directoryObjects/${id}` });

const securityGroup = (name) => ({
  displayName: name,
  mailNickname: name,
  mailEnabled: false,
  securityEnabled: true,
  groupTypes: [],
});

async function reading({ client }) {
  const groups = (await client.api("/groups").select("id").get()).value;
  let [large, members] = ["", 0];
  for (const { id } of groups) {
    const count = await client.api(`/groups/${id}/members/$count`).headers(eventual).get();
    if (count > members) [large, members] = [id, Number(count)];
  }
  const page = await client.api(`/groups/${large}/members`).get();
  check("a page without $top", page.value.length === 100 && page["@odata.nextLink"], `${page.value.length} and more`);

  const first = await client.api(`/groups/${large}/members`).top(999).select("id,userPrincipalName").get();
  const onFirst = first.value.length;
  const seen = [];
  await new PageIterator(client, first, (member) => seen.push(member)).iterate();
  const holds = members > 999 && onFirst === 999 && seen.length === members;
  const distinct = new Set(seen.map((member) => member.id)).size;
  check("more than 999 members", holds && distinct === members, `${seen.length} of ${members}`);
  check("members say their type", seen.some((member) => member["@odata.type"] === "#microsoft.graph.user"), "user");

  const users = () => client.api("/users").filter("endsWith(userPrincipalName,'@contoso.com')").top(999).select("id");
  const one = await users().count(true).headers(eventual).get();
  const next = one["@odata.nextLink"];
  await refuse("a next page without the header", 400, "Request_UnsupportedQuery", client.api(next).get());
  const two = await client.api(next).headers(eventual).get();
  const counts = [one["@odata.count"], two["@odata.count"]];
  check("the count is on the first page", counts[0] > 999 && counts[1] === undefined, `${counts[0]}, then ${counts[1]}`);

  const advanced = client.api("/users").filter("userPrincipalName ne 'a@contoso.com'").get();
  await refuse("an advanced query without the header", 400, "Request_UnsupportedQuery", advanced);
  const clauses = Array.from({ length: 16 }, (_, n) => `userPrincipalName eq 'u${n}@contoso.com'`).join(" or ");
  await refuse("more than 15 clauses", 400, "Request_UnsupportedQuery", client.api("/users").filter(clauses).get());
  return one.value.slice(0, 4).map((user) => user.id);
}

async function writing(sandbox, people) {
  const { client } = sandbox;
  const made = await expect(sandbox, "a group is created", 201, client.api("/groups").post(securityGroup("clients-javascript")));
  const group = `/groups/${made.id}`;
  const read = await client.api(group).get();
  check("and read back", read.displayName === "clients-javascript" && read.securityEnabled, read.displayName);

  const keyed = () => client.api("/groups(uniqueName='clients.javascript')");
  const upsert = (body) => keyed().header("Prefer", "create-if-missing").patch(body);
  await expect(sandbox, "a key that is free creates", 201, upsert(securityGroup("clients-keyed")));
  await expect(sandbox, "a key that is taken updates", 204, upsert({ description: "again" }));
  const updated = await keyed().get();
  check("the update is there", updated.description === "again", "again");

  const members = () => client.api(`${group}/members/$ref`);
  await expect(sandbox, "a member is added", 204, members().post(reference(people[0])));
  const there = members().post(reference(people[0]));
  await refuse("a member who is there already", 400, "Request_BadRequest", there, "added object references already exist");
  const missing = members().post(reference(nobody));
  await refuse("a member who does not exist", 404, "Request_ResourceNotFound", missing, nobody);
  const bind = (ids) => client.api(group).patch({ "members@odata.bind": ids.map((id) => `${v1}/users/${id}`) });
  await expect(sandbox, "two members at once", 204, bind(people.slice(1, 3)));
  const partly = bind(people.slice(2, 4));
  await refuse("all at once or none", 400, "Request_BadRequest", partly, "added object references already exist");
  const found = (await client.api(`${group}/members`).get()).value.map((member) => member.id);
  check("three are members", String(found.sort()) === String(people.slice(0, 3).sort()), found.length);
  const remove = () => client.api(`${group}/members/${people[0]}/$ref`).delete();
  await expect(sandbox, "a member is removed", 204, remove());
  await refuse("a member who is gone already", 400, "Request_BadRequest", remove(), "removed object references do not exist");
  await expect(sandbox, "an owner is added", 204, client.api(`${group}/owners/$ref`).post(reference(people[0])));
  const last = client.api(`${group}/owners/${people[0]}/$ref`).delete();
  await refuse("the last owner stays", 400, "Request_BadRequest", last, "must have at least one owner");
  return made.id;
}

async function batches(sandbox, id, people) {
  const { client, note } = sandbox;
  const step = (name, method, path, body, dependsOn) => {
    const headers = body && { "Content-Type": "application/json" };
    // Node wants a whole address, and the client takes the origin off again, but not the version.
    const request = new Request(`${url}${path}`, { method, headers, body: body && JSON.stringify(body) });
    return { id: name, request, dependsOn };
  };
  const send = async (...steps) => {
    const content = await new BatchRequestContent(steps).getContent();
    return new BatchResponseContent(await client.api("/$batch").post(content));
  };
  const answers = await send(
    step("group", "GET", `/groups/${id}`),
    step("throttled", "GET", "/organization"),
    step("add", "POST", `/groups/${id}/members/$ref`, reference(people[3])),
    step("missing", "GET", `/groups/${nobody}`),
  );
  const said = ["group", "throttled", "add", "missing"].map((name) => `${name} ${answers.getResponseById(name).status}`).join(" ");
  const wanted = "group 200 throttled 429 add 204 missing 404";
  check("a batch", said === wanted && note.status === 200, said);
  const wait = answers.getResponseById("throttled").headers.get("Retry-After");
  check("429 inside a batch says when to come again", Number(wait) === 0.25, wait);
  check("204 inside a batch has no body", answers.getResponseById("add").body === null, "none");
  const again = (await send(step("throttled", "GET", "/organization"))).getResponseById("throttled").status;
  check("and then it is answered", again === 200, again);

  const dependent = await send(
    step("1", "GET", `/groups/${nobody}`),
    step("2", "GET", `/groups/${id}`, undefined, ["1"]),
  );
  const failed = [dependent.getResponseById("1").status, dependent.getResponseById("2").status];
  check("what depends on a failure", String(failed) === "404,424", failed[1]);
  // By hand: the client itself refuses to write such a batch.
  const request = (name) => ({ id: name, method: "GET", url: `/groups/${id}` });
  const batch = (requests) => client.api("/$batch").post({ requests });
  await refuse("an id twice in a batch", 400, "BadRequest", batch([request("1"), request("1")]));
  const many = Array.from({ length: 21 }, (_, n) => request(String(n)));
  await refuse("more than 20 in a batch", 400, "BadRequest", batch(many));
}

async function deltas(sandbox, id, people) {
  const { client } = sandbox;
  let pages = 0;
  const round = async (path) => {
    const changes = new Map();
    let page;
    for (let next = path; next; next = page["@odata.nextLink"]) {
      page = await client.api(next).get();
      page.value.forEach((change) => changes.set(change.id, change));
      pages += 1;
    }
    return [changes, page["@odata.deltaLink"]];
  };
  const [, first] = await round("/groups/delta?$select=displayName,members");
  check("a delta round of everything", pages > 1 && first, `${pages} pages`);

  await client.api(`/groups/${id}/members/${people[1]}/$ref`).delete();
  const keyed = (await client.api("/groups(uniqueName='clients.javascript')").get()).id;
  await expect(sandbox, "a group is deleted", 204, client.api(`/groups/${keyed}`).delete());
  const [changes, second] = await round(first);
  const gone = changes.get(id)["members@delta"].filter((member) => member["@removed"]);
  const holds = gone.length === 1 && gone[0].id === people[1] && gone[0]["@removed"].reason === "deleted";
  check("a delta round names who left", holds, gone[0]["@removed"].reason);
  const reason = changes.get(keyed)["@removed"].reason;
  check("and which group was deleted", reason === "changed", reason);

  await refuse("a deleted group", 404, "Request_ResourceNotFound", client.api(`/groups/${keyed}`).get(), keyed);
  const deleted = (await client.api("/directory/deletedItems/microsoft.graph.group").get()).value;
  check("is among the deleted items", deleted.some((group) => group.id === keyed), deleted.length);
  const restore = () => client.api(`/directory/deletedItems/${keyed}/restore`).post({});
  const restored = await expect(sandbox, "and is restored", 200, restore());
  const back = await client.api(`/groups/${keyed}`).get();
  const same = restored.id === keyed && back.id === keyed && back.uniqueName === "clients.javascript";
  check("under the same id", same, "same");

  await client.api(`/groups/${keyed}`).delete();
  await expect(sandbox, "a group is purged", 204, client.api(`/directory/deletedItems/${keyed}`).delete());
  await refuse("and cannot come back", 404, "Request_ResourceNotFound", restore(), keyed);
  const [last] = await round(second);
  const said = last.get(keyed)["@removed"].reason;
  check("a delta round says so", said === "deleted", said);
}

async function run() {
  console.log(`version @microsoft/microsoft-graph-client ${version}`);
  const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: app, AZURE_CLIENT_SECRET: secret } = process.env;
  const credential = new ClientSecretCredential(tenant, app, secret, { authorityHost: url, disableInstanceDiscovery: true });
  const sandbox = connect(new TokenCredentialAuthenticationProvider(credential, { scopes: [`${url}/.default`] }));
  const stranger = connect({ getAccessToken: async () => "nonsense" });
  await refuse("a token that is none", 401, "InvalidAuthenticationToken", stranger.client.api("/groups").get());
  const people = await reading(sandbox);
  const id = await writing(sandbox, people);
  await batches(sandbox, id, people);
  await deltas(sandbox, id, people);
}

run().catch((error) => {
  console.error(error instanceof Surprise ? `surprise: ${error.message}` : error);
  process.exitCode = 1;
});
