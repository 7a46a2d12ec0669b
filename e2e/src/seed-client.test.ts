import { createHash, randomBytes } from "node:crypto";
import { EventEmitter, on } from "node:events";
import * as fs from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import * as path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runInNewContext } from "node:vm";

import { expect, it } from "@jest/globals";
import { createClient } from "@millrace/client-sdk";

import { openSeedClient, type SeedClient, type SeedUploadResponse } from "./support/seed-client.js";
import { startServerProcess } from "./support/server-process.js";
import { makeTempDir } from "./support/temp-dir.js";

const SNIPPET = fileURLToPath(new URL("../../tests/seed/node-client.ts.txt", import.meta.url));

/** What the snippet sees of the world, besides files. */
interface Surroundings {
  readonly readline?: { createInterface(): EventEmitter };
  readonly log?: (line: string) => void;
}

interface Snippet {
  chat(client: SeedClient, roomId: string): void;
  uploadFile(client: SeedClient, filePath: string): Promise<SeedUploadResponse>;
  downloadFile(client: SeedClient, fileId: string, outputPath: string): Promise<void>;
}

/** The seed's client code as it stands in the seed; only its imports are given from here. */
async function loadSnippet({ readline, log = () => {} }: Surroundings = {}): Promise<Snippet> {
  const source = await readFile(SNIPPET, "utf8");
  const body = source.replaceAll(/^import .*$/gm, "");
  const { createReadStream, createWriteStream, statSync } = fs;
  const given = { createReadStream, createWriteStream, statSync, path, readline, process, console: { log } };
  return runInNewContext(`${stripTypeScriptTypes(body)}\n({ uploadFile, downloadFile, chat })`, given) as Snippet;
}

/** The snippet resolves before its write stream has flushed: wait until the file has all its bytes. */
async function untilSize(file: string, size: number): Promise<void> {
  while ((await stat(file)).size < size) await nextTurn();
}

it("the seed's own Node client uploads a file and downloads it byte for byte", async () => {
  await using dir = await makeTempDir();
  await using server = await startServerProcess({ dataDir: path.join(dir.path, "data") });
  const client = openSeedClient(server.target);
  const snippet = await loadSnippet();
  const original = path.join(dir.path, "original.bin");
  const copy = path.join(dir.path, "copy.bin");
  const content = randomBytes(5_000_001);
  await writeFile(original, content);

  const response = await snippet.uploadFile(client, original);
  expect(response).toMatchObject({
    size: content.byteLength,
    checksum: createHash("sha256").update(content).digest("hex"),
  });

  await snippet.downloadFile(client, response.file_id, copy);
  await untilSize(copy, content.byteLength);
  expect((await readFile(copy)).equals(content)).toBe(true);
  client.close();
});

it("the seed's own Node client chats in the room that it names", async () => {
  await using dir = await makeTempDir();
  await using server = await startServerProcess({ dataDir: path.join(dir.path, "data") });
  const client = openSeedClient(server.target);
  const keyboard = Object.assign(new EventEmitter(), { close() {} });
  const screen = new EventEmitter();
  const shown = screenOf(screen);
  const { chat } = await loadSnippet({
    readline: { createInterface: () => keyboard },
    log: (line) => screen.emit("line", line),
  });

  chat(client, "kitchen");
  keyboard.emit("line", "is anybody there?");
  expect(await shown.next()).toMatch(/^\[anon-\w+\]: is anybody there\?$/);

  await using other = createClient({ target: server.target });
  await other.chat.send("kitchen", "yes");
  expect(await shown.next()).toMatch(/: yes$/);

  keyboard.emit("line", "/quit");
  expect(await shown.next()).toBe("Chat ended");
  client.close();
});

/** What is printed, line by line. */
function screenOf(screen: EventEmitter): { next(): Promise<string> } {
  const lines = on(screen, "line");
  return { next: async () => ((await lines.next()).value as [string])[0] };
}
