import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

import { ROOT } from "./root.ts";

/** One thing that must hold before a change is done. */
interface Step {
  readonly name: string;
  /** Script of package.json that looks. */
  readonly script: string;
  /** What to do if it does not hold. */
  readonly mend: string;
}

/** In order: what others stand on first, then what is quick first. */
const STEPS: readonly Step[] = [
  { name: "format", script: "format:check", mend: "run `pnpm format`" },
  { name: "generated", script: "generated", mend: "run `pnpm generate`" },
  { name: "breaking", script: "breaking", mend: "give back what clients rely on in proto/; `pnpm breaking` lists it" },
  { name: "build", script: "build", mend: "mend the errors above; `pnpm build` repeats them" },
  { name: "typecheck", script: "typecheck", mend: "mend the errors above in scripts/; `pnpm typecheck` repeats them" },
  { name: "lint", script: "lint", mend: "mend the findings above; `pnpm lint` repeats them" },
  { name: "unused", script: "unused", mend: "remove what nothing uses; `pnpm unused` lists it" },
  { name: "inventory", script: "inventory", mend: "give the RPC what it lacks; `pnpm inventory` lists it" },
  { name: "api", script: "api:check", mend: "look at the change of the public API, then run `pnpm api`" },
  {
    name: "packages",
    script: "packages",
    mend: "mend the package.json that is named above; `pnpm packages` repeats it",
  },
  { name: "demo", script: "demo:built", mend: "mend what the demo says above; `pnpm demo` repeats it" },
  { name: "tests", script: "jest", mend: "mend the tests above; `pnpm jest FILE` runs one file" },
];

/** Runs everything that CI runs and stops at the first failure: `pnpm check [--except NAME…]`. */
function check(except: readonly string[]): void {
  const unknown = except.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) throw new Error(`no such step: ${unknown.join(", ")}`);
  const steps = STEPS.filter(({ name }) => !except.includes(name));
  const failed = steps.find((step) => !holds(step));
  if (failed) process.exitCode = 1;
  console.log(failed ? `\ncheck: ${failed.name} failed. To mend it, ${failed.mend}.` : "\ncheck: all good.");
}

/** `node --run` and not a package manager: check may run where none is on the PATH. */
function holds({ name, script }: Step): boolean {
  console.log(`\n── ${name}`);
  return spawnSync(process.execPath, ["--run", script], { cwd: ROOT, stdio: "inherit" }).status === 0;
}

const { values } = parseArgs({ options: { except: { type: "string", multiple: true, default: [] } } });
check(values.except);
