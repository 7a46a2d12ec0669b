import { readFile, writeFile } from "node:fs/promises";

/**
 * Replaces the first `from` of a file by `to`.
 *
 * @throws if there is no `from`: a test that edits nothing tests nothing
 */
export async function editFile(path: string, from: string, to: string): Promise<void> {
  const before = await readFile(path, "utf8");
  if (!before.includes(from)) throw new Error(`${path} does not hold ${JSON.stringify(from)}`);
  await writeFile(path, before.replace(from, to));
}
