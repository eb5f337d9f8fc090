// One operation of the Azure JavaScript SDK, unmodified. Standard input says, as JSON, where the server is, who asks
// and what; standard output tells, as JSON, the status of every answer that the SDK got, and how it ended.
"use strict";

const { readFileSync } = require("node:fs");
const { RecoveryServicesBackupClient } = require("@azure/arm-recoveryservicesbackup");
const { auxiliaryAuthenticationHeaderPolicy, RestError } = require("@azure/core-rest-pipeline");

// Somebody who has signed in already.
const signedIn = (token) => ({ getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 50 * 60_000 }) });

function clientOf({ endpoint, subscription, token, auxiliary }) {
  const client = new RecoveryServicesBackupClient(signedIn(token), subscription, { endpoint, $host: endpoint });
  client.pipeline.addPolicy(auxiliaryAuthenticationHeaderPolicy({
    credentials: auxiliary.map(signedIn),
    scopes: `${endpoint}/.default`,
  }));
  return client;
}

async function everything(pages) {
  const found = [];
  for await (const each of pages) found.push(each);
  return found;
}

async function main() {
  const asked = JSON.parse(readFileSync(0, "utf8"));
  const [group, method] = asked.operation.split(".");
  const told = { answers: [] };
  const onResponse = ({ status, headers }) =>
    told.answers.push({ status, poll: headers.get("azure-asyncoperation") ?? headers.get("location") });
  try {
    const started = clientOf(asked)[group][method](...asked.values, { ...asked.options, onResponse });
    told.result = await (started[Symbol.asyncIterator] ? everything(started) : started);
  } catch (error) {
    if (!(error instanceof RestError) || !error.response) throw error; // not the server's refusal
    told.refusal = { status: error.statusCode, code: error.code, message: error.message };
  }
  process.stdout.write(JSON.stringify(told));
}

main();
