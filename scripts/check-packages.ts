import { globSync } from "node:fs";

import { ROOT } from "./root.ts";
import { runTool } from "./run-tool.ts";

/** Packs every package as it would be published and checks that its entry points exist and resolve. */
for (const manifest of globSync("packages/*/package.json", { cwd: ROOT }).toSorted()) {
  const folder = manifest.slice(0, -"/package.json".length);
  const { ok, stdout, stderr } = runTool("publint", ["run", folder, "--strict", "--pack", "npm"]);
  if (ok) continue;
  console.log(`${folder}\n${stdout}${stderr}`);
  process.exitCode = 1;
}
