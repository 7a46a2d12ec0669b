import { type ContenderName, startContender } from "./contenders/start-contender.js";
import { connectEvents, PUBLISH_MODES, publishFor, type PublishMode } from "./publish-load.js";
import { median, rounded } from "./statistics.js";
import { writeResults } from "./write-results.js";

const CONTENDERS = ["commit per publish", "millrace"] as const satisfies ContenderName[];
type Contender = (typeof CONTENDERS)[number];

/** Rounds in which every contender runs once. */
const ROUNDS = 3;
const WARM_UP_MS = 2_000;
const RUN_MS = 4_000;

/** P7 of PERFORMANCE, for publishers who do not wait: one call per event costs more than a commit, whoever serves it. */
const TARGET_RATIO = 5;
const TARGET_MODE: PublishMode = "PublishStream, 16 on their way";

async function measure(name: Contender, mode: PublishMode): Promise<number> {
  await using server = await startContender(name);
  await using client = connectEvents(server.target);
  await publishFor(client.events, mode, WARM_UP_MS);
  return await publishFor(client.events, mode, RUN_MS);
}

async function rowOf(mode: PublishMode): Promise<Record<string, unknown>> {
  const rates: Record<Contender, number[]> = { "commit per publish": [], millrace: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of CONTENDERS) rates[name].push(await measure(name, mode));
  }
  const ratio = median(rates.millrace.map((ours, round) => ours / (rates["commit per publish"][round] ?? Number.NaN)));
  return {
    "64 publishers": mode,
    "commit per publish, events/s": rounded(median(rates["commit per publish"])),
    "group commit, events/s": rounded(median(rates.millrace)),
    ratio: rounded(ratio, 2),
    target: mode === TARGET_MODE ? `${String(TARGET_RATIO)} ${ratio >= TARGET_RATIO ? "met" : "MISSED"}` : "",
  };
}

const rows: Record<string, unknown>[] = [];
for (const mode of PUBLISH_MODES) rows.push(await rowOf(mode));
console.table(rows);
writeResults("publish", { rows });
