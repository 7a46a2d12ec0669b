import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { describe, expect, it } from "@jest/globals";

const EXAMPLES = fileURLToPath(new URL("../../examples", import.meta.url));
const names = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && /^\d/.test(entry.name))
  .map(({ name }) => name);

/** The block of the README that says what the example prints. */
async function promisedOutput(example: string): Promise<string> {
  const readme = await readFile(join(EXAMPLES, example, "README.md"), "utf8");
  const block = /^```output\n(?<text>.*?)^```$/ms.exec(readme)?.groups?.["text"];
  if (block === undefined) throw new Error(`${example}/README.md does not say what the example prints`);
  return block;
}

describe("examples", () => {
  it("are there", () => {
    expect(names.length).toBeGreaterThan(0);
  });

  it.each(names)("%s prints what its README says", async (example) => {
    const run = promisify(execFile)(process.execPath, [join(EXAMPLES, example, "main.ts")], { timeout: 25_000 });
    const { stdout } = await run;
    expect(stdout).toBe(await promisedOutput(example));
  });
});
