import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";

import { ROOT } from "./root.ts";

export interface ToolResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  /** Where the tool runs. Default: the repository's top folder. */
  readonly cwd?: string;
}

/** Most bytes that a tool may print: the descriptors of the contract are well below it. */
const MAX_OUTPUT_BYTES = 64 << 20;

/**
 * Runs a tool of the root's devDependencies and waits for it. Does not need a package manager, nor
 * the tool on the PATH.
 *
 * @throws if the tool cannot be started
 */
export function runTool(name: string, args: readonly string[], options: ToolOptions = {}): ToolResult {
  const tools = join(ROOT, "node_modules", ".bin");
  const { status, stdout, stderr, error } = spawnSync(join(tools, name), args, {
    cwd: options.cwd ?? ROOT,
    encoding: "utf8",
    maxBuffer: MAX_OUTPUT_BYTES,
    env: { ...process.env, PATH: `${tools}${delimiter}${process.env["PATH"] ?? ""}` },
  });
  if (error) throw error;
  return { ok: status === 0, stdout, stderr };
}
