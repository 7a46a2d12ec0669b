import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Makes the names in a folder durable: creations, renames and deletions. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

/** Makes a folder that only this user can enter, and its name durable. Keeps one that is there. */
export async function makeFolder(path: string): Promise<void> {
  const created = await mkdir(path, { recursive: true, mode: 0o700 });
  if (created !== undefined) await syncFolder(dirname(path));
}

/** Makes a small file that only this user can read, all at once or not at all. */
export async function writeFileDurably(path: string, content: string): Promise<void> {
  const draft = `${path}.draft`;
  {
    await using file = await open(draft, "w", 0o600);
    await file.writeFile(content);
    await file.sync();
  }
  await rename(draft, path);
  await syncFolder(dirname(path));
}
