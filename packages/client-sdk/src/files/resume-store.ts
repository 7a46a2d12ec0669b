import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Remembers transfers across restarts: small texts by key. Values hold upload ids, which are
 * secrets: whoever has one may write to the session.
 */
export interface ResumeStore {
  get(key: string): Promise<string | undefined>;
  /** Resolves once the value would survive the end of the process. */
  set(key: string, value: string): Promise<void>;
  /** Idempotent. */
  delete(key: string): Promise<void>;
}

/** Remembers as long as the process lives. */
export class MemoryResumeStore implements ResumeStore {
  readonly #values = new Map<string, string>();

  async get(key: string): Promise<string | undefined> {
    return this.#values.get(key);
  }

  async set(key: string, value: string): Promise<void> {
    this.#values.set(key, value);
  }

  async delete(key: string): Promise<void> {
    this.#values.delete(key);
  }
}

/**
 * Remembers in a directory, one file per key, readable by its owner only. Each write is atomic:
 * after a crash the old or the new value is there, never half of one.
 */
export class FileResumeStore implements ResumeStore {
  readonly #directory: string;

  /** @param directory made on the first write, with its parents */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async get(key: string): Promise<string | undefined> {
    try {
      return await readFile(this.#pathOf(key), "utf8");
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async set(key: string, value: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const temporary = join(this.#directory, `.${randomUUID()}.tmp`);
    try {
      await writeDurably(temporary, value);
      await rename(temporary, this.#pathOf(key));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#pathOf(key), { force: true });
  }

  /** Keys are free text and may be long: their hash is always a safe name. */
  #pathOf(key: string): string {
    return join(this.#directory, `${createHash("sha256").update(key).digest("hex")}.json`);
  }
}

async function writeDurably(path: string, value: string): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(value);
  await file.sync();
}

function isMissing(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT";
}
