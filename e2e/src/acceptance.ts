/**
 * The long checks, each printed as JSON lines: `node e2e/dist/acceptance.js NAME [ROUNDS]`. `MILLRACE_SEED` repeats
 * a run.
 */
import { BATCH_CHECKS } from "./acceptance/batch-checks.js";
import { DATA_CHECKS } from "./acceptance/data-checks.js";
import { EVENT_CHECKS } from "./acceptance/event-checks.js";
import { FILE_CHECKS } from "./acceptance/file-checks.js";
import { METRIC_CHECKS } from "./acceptance/metric-checks.js";
import { QUERY_CHECKS } from "./acceptance/query-checks.js";
import { SYNC_CHECKS } from "./acceptance/sync-checks.js";

/** Prints what it finds and says whether all is as it must be. `rounds` is for those that have some. */
type Check = (rounds?: number) => Promise<boolean>;

const CHECKS: Readonly<Record<string, Check>> = {
  ...FILE_CHECKS,
  ...EVENT_CHECKS,
  ...DATA_CHECKS,
  ...METRIC_CHECKS,
  ...BATCH_CHECKS,
  ...SYNC_CHECKS,
  ...QUERY_CHECKS,
};

const [, , name = "", rounds] = process.argv;
const check = CHECKS[name];
if (check === undefined) {
  console.error(`usage: acceptance.js ${Object.keys(CHECKS).join("|")} [ROUNDS]`);
  process.exitCode = 2;
} else {
  const passed = await check(rounds === undefined ? undefined : Number(rounds));
  console.log(`${name}: ${passed ? "passed" : "FAILED"}`);
  process.exitCode = passed ? 0 : 1;
}
