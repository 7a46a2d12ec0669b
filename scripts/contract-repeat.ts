import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { ROOT } from "./root.ts";
import { runTool } from "./run-tool.ts";

/**
 * Runs the stream contract again and again over a real socket, to find what only happens sometimes:
 * `pnpm contract [--repeat N]`, 100 rounds unless told otherwise. Fails if any round of any scenario does.
 */
function repeatContract(args: readonly string[]): void {
  const build = runTool("tsc", ["-b", "e2e"]);
  if (!build.ok) throw new Error(`the build failed:\n${build.stdout}`);
  const { status, error } = spawnSync(process.execPath, [join(ROOT, "e2e/dist/contract-runs.js"), ...args], {
    stdio: "inherit",
  });
  if (error) throw error;
  process.exitCode = status ?? 1;
}

repeatContract(process.argv.slice(2));
