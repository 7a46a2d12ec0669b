/**
 * The stream contract over a socket, many times in one process: `node e2e/dist/contract-runs.js --repeat N`
 * (default 100). Prints the table of what is run, with the reasons for what is not, and what failed.
 */
import { parseArgs } from "node:util";

import { repeatStreamContract, streamContractTable } from "@millrace/client-sdk/testing";

import { socketHarness } from "./support/socket-harness.js";

const { values } = parseArgs({ options: { repeat: { type: "string", default: "100" } } });
const times = Number(values.repeat);
if (!Number.isSafeInteger(times) || times < 1) throw new RangeError(`--repeat is ${values.repeat}, not a count`);

const records = await repeatStreamContract(socketHarness, {
  times,
  onRound: (round, failures) =>
    console.error(`round ${String(round)} of ${String(times)}: ${String(failures)} failures`),
});

for (const { scenario, kind, whyNot } of streamContractTable(socketHarness)) {
  if (whyNot !== undefined) console.log(`not run  ${kind}: ${scenario.name} (${whyNot})`);
}
for (const { cell, passed } of records) {
  console.log(`${String(passed)}/${String(times)}  ${cell.kind}: ${cell.scenario.name}`);
}
const failed = records.filter(({ failures }) => failures.length > 0);
for (const { cell, failures } of failed) console.log(`\n${cell.kind}: ${cell.scenario.name}\n`, failures[0]);
console.log(`${String(records.length)} cells × ${String(times)} rounds: ${String(failed.length)} cells failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
