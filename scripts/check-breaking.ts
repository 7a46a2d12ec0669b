import { spawnSync } from "node:child_process";

import { ROOT } from "./root.ts";
import { runTool } from "./run-tool.ts";

/** What one comparison of proto/ with an older contract found. */
export interface Comparison {
  /** The older contract. */
  readonly against: string;
  /** One line for each broken promise; empty if there is none. */
  readonly problems: string;
}

/**
 * Compares the contract of the repository at `root` with what clients already rely on, by the rules
 * of buf.yaml: with the seed's proto and, once there is one, with the last release.
 */
export function checkBreaking(root: string): readonly Comparison[] {
  const release = lastRelease(root);
  return [
    compare(root, "the seed", "tests/seed"),
    ...(release === undefined ? [] : [compare(root, release, `.git#tag=${release},subdir=proto`)]),
  ];
}

function compare(root: string, against: string, input: string): Comparison {
  const { ok, stdout, stderr } = runTool("buf", ["breaking", "proto", "--against", input], { cwd: root });
  return { against, problems: ok ? "" : stdout || stderr };
}

/** The release that the checked-out commit descends from, if any. */
function lastRelease(root: string): string | undefined {
  const git = spawnSync("git", ["describe", "--tags", "--abbrev=0", "--match", "v*"], { cwd: root, encoding: "utf8" });
  return git.status === 0 ? git.stdout.trim() : undefined;
}

if (import.meta.main) {
  for (const { against, problems } of checkBreaking(ROOT)) {
    console.log(`proto/ against ${against}: ${problems === "" ? "nothing broken" : `BROKEN\n${problems}`}`);
    if (problems !== "") process.exitCode = 1;
  }
}
