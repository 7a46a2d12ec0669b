import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "@jest/globals";

const OLD = 'data:text/javascript,Object.defineProperty(process.versions, "node", { value: "20.20.2" })';

function run(path: string, ...options: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  const file = fileURLToPath(new URL(`../../packages/${path}`, import.meta.url));
  return spawnSync(process.execPath, [...options, file, "--help"], { encoding: "utf8" });
}

describe("a Node that is too old", () => {
  it.each([
    ["server/bin/millrace-server.js", "millrace-server: needs Node 24.18.1 or newer, this is 20.20.2\n"],
    ["server/dist/main.js", "millrace-server: needs Node 24.18.1 or newer, this is 20.20.2\n"],
    ["cli/bin/millrace.js", "millrace: needs Node 22.12 or newer, this is 20.20.2\n"],
  ])("is told by %s on one line, with exit code 1", (path, line) => {
    expect(run(path, "--import", OLD)).toMatchObject({ status: 1, stderr: line });
    expect(run(path)).toMatchObject({ status: 0, stderr: "" });
  });
});
