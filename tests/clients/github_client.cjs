// @octokit/rest against the GitHub of our tests.
//
//     github_client.cjs PHASE     with ROLECALL_HOST_URL, _TOKEN, _MARKER, _TEXT and NODE_PATH
//
// Prints `version NAME VERSION` and a line for each check; stops with 1 at the first answer that is not as published.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

// A module that can only be imported, and imports do not look into NODE_PATH.
const home = path.join(process.env.NODE_PATH, "@octokit/rest");
const { version, exports: entries } = JSON.parse(fs.readFileSync(path.join(home, "package.json"), "utf8"));

const { ROLECALL_HOST_URL: baseUrl, ROLECALL_HOST_TOKEN: token, ROLECALL_HOST_MARKER: marker, ROLECALL_HOST_TEXT: text } = process.env;
const at = { owner: "contoso", repo: "access" };
const pull = { ...at, issue_number: 7 };

class Surprise extends Error {}

function check(name, holds, seen) {
  if (!holds) throw new Surprise(`${name}: ${seen}`);
  console.log(`ok ${name}: ${seen}`);
}

async function refuse(name, status, call) {
  try {
    await call;
  } catch (error) {
    check(name, error.status === status, error.status ?? error);
    return;
  }
  throw new Surprise(`${name}: a refusal was expected`);
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let Octokit;
const connect = (auth) => new Octokit({ baseUrl, auth, log: quiet });

async function ours(octokit) {
  const all = await octokit.paginate(octokit.issues.listComments, { ...pull, per_page: 50 });
  return { all, ours: all.filter((comment) => comment.body.startsWith(marker)) };
}

async function first() {
  console.log(`version @octokit/rest ${version}`);
  await refuse("a token that is none", 401, connect("nonsense").issues.listComments(pull));
  const octokit = connect(token);
  const { viewer } = await octokit.graphql("query { viewer { login } }");
  check("as whom the token acts", viewer.login === "github-actions[bot]", viewer.login);
  const before = (await ours(octokit)).all;
  check("all of more than a page", before.length === 130, before.length);
  await refuse("a comment of somebody else", 403, octokit.issues.updateComment({ ...at, comment_id: before[0].id, body: "x" }));
  const made = await octokit.issues.createComment({ ...pull, body: "one" });
  check("a comment is created", made.status === 201 && made.data.user.login === viewer.login, made.status);
  const id = { ...at, comment_id: made.data.id };
  await octokit.issues.updateComment({ ...id, body: "two" });
  const read = await octokit.issues.getComment(id);
  check("and edited", read.data.body === "two", read.data.body);
  await refuse("a comment that is too long", 422, octokit.issues.updateComment({ ...id, body: "x".repeat(65537) }));
  const deleted = await octokit.issues.deleteComment(id);
  check("a comment is deleted", deleted.status === 204, deleted.status);
  await refuse("and is gone", 404, octokit.issues.updateComment({ ...id, body: "three" }));
  await octokit.issues.createComment({ ...pull, body: `${marker}\nby the client` });
  const issue = await octokit.issues.create({ ...at, title: "rolecall: drift", body: `${marker.replace("plan", "drift")}\nby the client`, labels: ["rolecall-drift"] });
  check("an issue is opened", issue.status === 201 && issue.data.labels[0].name === "rolecall-drift", issue.status);
}

async function second() {
  const octokit = connect(token);
  const found = (await ours(octokit)).ours;
  check("what rolecall wrote", found.length === 1 && found[0].body === `${marker}\n${text}`, found.length);
  await octokit.issues.updateComment({ ...at, comment_id: found[0].id, body: `${marker}\nby hand` });
  const open = await octokit.paginate(octokit.issues.listForRepo, { ...at, labels: "rolecall-drift", state: "open" });
  check("the issue that rolecall changed", open.length === 1 && open[0].body.endsWith(text), open.length);
  const closed = await octokit.issues.update({ ...at, issue_number: open[0].number, state: "closed" });
  check("an issue is closed", closed.data.state === "closed", closed.data.state);
}

async function run() {
  ({ Octokit } = await import(pathToFileURL(path.join(home, entries["."].import))));
  await ({ first, second })[process.argv[2]]();
}

run().catch((error) => {
  console.error(error instanceof Surprise ? `surprise: ${error.message}` : error);
  process.exit(1);
});
