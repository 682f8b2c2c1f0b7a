// azure-devops-node-api against the Azure DevOps of our tests.
//
//     azure_devops_client.cjs PHASE     with ROLECALL_HOST_URL, _TOKEN, _MARKER, _TEXT and NODE_PATH
//
// Prints `version NAME VERSION` and a line for each check; stops with 1 at the first answer that is not as published.
"use strict";

const azure = require("azure-devops-node-api");
const { version } = require("azure-devops-node-api/package.json");

const { ROLECALL_HOST_URL: url, ROLECALL_HOST_TOKEN: token, ROLECALL_HOST_MARKER: marker, ROLECALL_HOST_TEXT: text } = process.env;
const repository = "77ab2222-0000-4000-8000-000000000002";
const project = "platform";
const number = 7;
const textual = 1;

class Surprise extends Error {}

function check(name, holds, seen) {
  if (!holds) throw new Surprise(`${name}: ${seen}`);
  console.log(`ok ${name}: ${seen}`);
}

async function refuse(name, status, call) {
  try {
    await call;
  } catch (error) {
    check(name, error.statusCode === status, error.statusCode ?? error);
    return;
  }
  throw new Surprise(`${name}: a refusal was expected`);
}

const connect = (token) => new azure.WebApi(`${url}/contoso`, azure.getBearerHandler(token), { allowRetries: false });
const thread = (content) => ({ comments: [{ parentCommentId: 0, content, commentType: textual }] });

async function ours(git) {
  const all = await git.getThreads(repository, number, project);
  const shown = all.filter((thread) => !thread.isDeleted);
  return { all: shown, ours: shown.filter((thread) => thread.comments[0].content.startsWith(marker)) };
}

async function first() {
  console.log(`version azure-devops-node-api ${version}`);
  const api = connect(token);
  const { authenticatedUser: user } = await api.connect();
  check("as whom the token acts", user.id === "0a1b2c3d-0000-4000-8000-000000000041", user.id);
  const git = await api.getGitApi();
  const edit = (thread, content) => git.updateComment({ content }, repository, number, thread.id, thread.comments[0].id, project);
  const before = (await ours(git)).all;
  check("all of more than a page", before.length === 130, before.length);
  await refuse("a comment of somebody else", 403, edit(before[0], "x"));
  const made = await git.createThread(thread("one"), repository, number, project);
  check("a comment is created", made.comments[0].author.id === user.id, made.comments[0].author.id);
  await edit(made, "two");
  const read = await git.getComments(repository, number, made.id, project);
  check("and edited", read[0].content === "two", read[0].content);
  await refuse("a comment that is too long", 400, edit(made, "x".repeat(150001)));
  await git.deleteComment(repository, number, made.id, 1, project);
  check("a comment is deleted", (await ours(git)).all.length === before.length, before.length);
  // The client takes 404 for an answer without a result.
  const again = await edit(made, "three");
  check("and is gone", again === null, again);
  await git.createThread(thread(`${marker}\nby the client`), repository, number, project);
}

async function second() {
  const git = await connect(token).getGitApi();
  const found = (await ours(git)).ours;
  check("what rolecall wrote", found.length === 1 && found[0].comments[0].content === `${marker}\n${text}`, found.length);
  await git.updateComment({ content: `${marker}\nby hand` }, repository, number, found[0].id, 1, project);
}

({ first, second })[process.argv[2]]().catch((error) => {
  console.error(error instanceof Surprise ? `surprise: ${error.message}` : error);
  process.exit(1);
});
