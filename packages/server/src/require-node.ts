/** Ends the process with one line on a Node that is too old: imported before all that such a Node cannot run. */
import { createRequire } from "node:module";

const manifest = createRequire(import.meta.url)("../package.json") as { readonly engines: { readonly node: string } };
const needed = manifest.engines.node.replace(">=", "");
const { node: found } = process.versions;

if (needed.localeCompare(found, "en", { numeric: true }) > 0) {
  process.stderr.write(`millrace-server: needs Node ${needed} or newer, this is ${found}\n`);
  process.exit(1);
}
