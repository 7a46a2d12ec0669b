import { mkdtempDisposableSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ROOT } from "./root.ts";
import { runTool } from "./run-tool.ts";

const GENERATED = join("gen", "ts");

/**
 * Generates the code of the contract at `root` in a temporary folder and compares it with what is in
 * gen/ts. Changes nothing, and asks nothing of git.
 *
 * @returns the files of gen/ts that are stale, missing or superfluous
 * @throws with buf's words if the contract cannot be generated
 */
export function checkGenerated(root: string): readonly string[] {
  using fresh = mkdtempDisposableSync(join(tmpdir(), "millrace-generated-"));
  const generate = runTool("buf", ["generate", "--output", fresh.path], { cwd: root });
  if (!generate.ok) throw new Error(`buf generate failed\n${generate.stderr}`);
  return differences(filesIn(join(fresh.path, GENERATED)), filesIn(join(root, GENERATED)));
}

type Contents = ReadonlyMap<string, Buffer>;

function filesIn(folder: string): Contents {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path)]));
}

function differences(expected: Contents, actual: Contents): readonly string[] {
  const all = [...new Set([...expected.keys(), ...actual.keys()])].toSorted();
  return all.flatMap((file) => {
    const [fresh, present] = [expected.get(file), actual.get(file)];
    if (!present) return `${file}: missing`;
    if (!fresh) return `${file}: generated from nothing`;
    return fresh.equals(present) ? [] : `${file}: stale`;
  });
}

if (import.meta.main) {
  const found = checkGenerated(ROOT);
  for (const difference of found) console.log(`gen/ts/${difference}`);
  if (found.length > 0) {
    console.log("The generated code does not fit the contract. Mend it with: pnpm generate");
    process.exitCode = 1;
  }
}
