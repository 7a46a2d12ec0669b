import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient, FileResumeStore, StreamingError, type UploadOptions } from "@millrace/client-sdk";
import { createStreamingServer } from "@millrace/server";

const MIB = 1024 * 1024;

const directory = await mkdtemp(join(tmpdir(), "example-02-"));
const path = join(directory, "big.bin");
await writeFile(path, randomBytes(32 * MIB));

await using server = await createStreamingServer({ port: 0, dataDir: join(directory, "data") });

/** What the first and the second run of a program have in common: the folder where it remembers. */
const options: UploadOptions = {
  filename: "big.bin",
  resume: { store: new FileResumeStore(join(directory, "state")) },
};

let sentBefore = 0;
await firstRun();
await secondRun();
await rm(directory, { recursive: true });

/** Somebody presses Ctrl-C in the middle. */
async function firstRun(): Promise<void> {
  await using client = createClient({ target: server.address });
  const interrupt = new AbortController();
  try {
    await client.files.upload(path, {
      ...options,
      signal: interrupt.signal,
      onProgress({ committedBytes }) {
        sentBefore = committedBytes;
        if (committedBytes >= 12 * MIB) interrupt.abort();
      },
    });
  } catch (error) {
    if (!StreamingError.is(error)) throw error;
    console.log(`first run: ${error.name}, with at least 12 MiB durable: ${sentBefore >= 12 * MIB}`);
  }
}

/** The same call again: it finds its session and sends what is missing. */
async function secondRun(): Promise<void> {
  await using client = createClient({ target: server.address });
  let startedAt: number | undefined;
  const { size } = await client.files.upload(path, {
    ...options,
    onProgress: ({ committedBytes }) => (startedAt ??= committedBytes),
  });
  console.log(`second run: went on where the first one was: ${startedAt !== undefined && startedAt >= sentBefore}`);
  console.log(`published: ${size / MIB} MiB`);
}
