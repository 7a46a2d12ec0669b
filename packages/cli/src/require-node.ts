/** Ends the process with one line on a Node that is too old: imported before all that such a Node cannot run. */
import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  readonly engines: { readonly node: string };
};
const needed = manifest.engines.node.replace(">=", "");
const { node: found } = process.versions;

if (needed.localeCompare(found, "en", { numeric: true }) > 0) {
  process.stderr.write(`millrace: needs Node ${needed} or newer, this is ${found}\n`);
  process.exit(1);
}
