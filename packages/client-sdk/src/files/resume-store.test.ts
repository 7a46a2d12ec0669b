import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { FileResumeStore, MemoryResumeStore, type ResumeStore } from "./resume-store.js";

let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "resume-store-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

describe.each<[string, () => ResumeStore]>([
  ["memory", () => new MemoryResumeStore()],
  ["file", () => new FileResumeStore(join(directory, "new", "state"))],
])("the %s resume store", (_, open) => {
  it("gives what was set last, and nothing after it was deleted", async () => {
    const store = open();
    const key = `../${"long".repeat(200)}\n`;
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, "1");
    await store.set(key, "2");
    await store.set("other", "3");
    expect(await store.get(key)).toBe("2");
    await store.delete(key);
    await store.delete(key);
    expect(await store.get(key)).toBeUndefined();
    expect(await store.get("other")).toBe("3");
  });
});

describe("the file resume store", () => {
  it("keeps values for other processes, readable by their owner only, and leaves no temporary files", async () => {
    const path = join(directory, "private");
    await new FileResumeStore(path).set("key", "secret");
    expect(await new FileResumeStore(path).get("key")).toBe("secret");
    const [name = "", ...others] = await readdir(path);
    expect(others).toEqual([]);
    expect((await stat(join(path, name))).mode & 0o777).toBe(0o600);
  });

  it("keeps the old value when many write at once, or one of the new ones", async () => {
    const store = new FileResumeStore(join(directory, "race"));
    const values = Array.from({ length: 20 }, (_, index) => String(index));
    await Promise.all(values.map((value) => store.set("key", value)));
    expect(values).toContain(await store.get("key"));
    expect(await readdir(join(directory, "race"))).toHaveLength(1);
  });
});
