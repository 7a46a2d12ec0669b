import { globSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";

/** Sources by their paths from the repository's top folder, with `/`. */
export type Sources = ReadonlyMap<string, string>;

/** Reads every TypeScript file that people write in the repository at `root`. */
export function readSources(root: string): Sources {
  const patterns = ["packages/*/src/**/*.ts", "e2e/**/*.ts", "bench/**/*.ts", "examples/**/*.ts", "scripts/**/*.ts"];
  const paths = globSync(patterns, {
    cwd: root,
    exclude: (path) => /(^|[\\/])(node_modules|dist)([\\/]|$)/.test(path),
  });
  return new Map(paths.map((path) => [path.split(sep).join("/"), readFileSync(join(root, path), "utf8")]));
}
