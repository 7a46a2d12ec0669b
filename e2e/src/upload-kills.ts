import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { createClient, type StreamingClient } from "@millrace/client-sdk";

import { bytesUnder } from "./support/bytes-under.js";
import { startServerProcess, type ServerProcess } from "./support/server-process.js";

/** What became of one upload whose server was killed. */
export interface KilledUpload {
  readonly killAfterMs: number;
  readonly completed: boolean;
  /** The server's and our SHA-256 agree, and so does that of a download. */
  readonly hashesAgree: boolean;
  readonly resentBytes: number;
  readonly resumes: number;
}

export interface KillReport {
  readonly uploads: readonly KilledUpload[];
  /** Listings in which a file was not whole. */
  readonly partialListings: number;
  /** Listings taken while the uploads ran. */
  readonly listings: number;
  /** Bytes left in the server's staging area at the end. */
  readonly stagedBytes: number;
}

export interface KillPlan {
  readonly dir: string;
  readonly rounds: number;
  readonly fileBytes: number;
  /** Longest time between the start of an upload and the kill, in milliseconds. */
  readonly maxDelayMs: number;
  readonly random: () => number;
  readonly onRound?: (upload: KilledUpload) => void;
}

/**
 * Uploads a new file in each round, kills the server with SIGKILL at a random moment of it and
 * starts it again on the same port and data; the SDK is left alone. Listings run all the while.
 */
export async function killDuringUploads(plan: KillPlan): Promise<KillReport> {
  const dataDir = join(plan.dir, "data");
  let server = await startServerProcess({ dataDir });
  const client = createClient({ target: server.target });
  const lister = watchListings(client, plan.fileBytes);
  const uploads: KilledUpload[] = [];
  try {
    for (let round = 0; round < plan.rounds; round++) {
      const killAfterMs = plan.random() * plan.maxDelayMs;
      const upload = uploadOnce(client, plan, round, killAfterMs);
      upload.catch(() => {}); // it is awaited below; until then a failure must not end the process
      await sleep(killAfterMs);
      await server.kill();
      server = await startServerProcess({ dataDir, port: server.port });
      const outcome = await upload;
      plan.onRound?.(outcome);
      uploads.push(outcome);
    }
    const { listings, partialListings } = await lister.stop();
    return { uploads, listings, partialListings, stagedBytes: await bytesUnder(join(dataDir, "staging")) };
  } finally {
    await lister.stop();
    await client.close();
    await stop(server);
  }
}

async function stop(server: ServerProcess): Promise<void> {
  await server[Symbol.asyncDispose]();
}

async function uploadOnce(
  client: StreamingClient,
  plan: KillPlan,
  round: number,
  killAfterMs: number,
): Promise<KilledUpload> {
  const source = join(plan.dir, "source.bin");
  const content = randomBytes(plan.fileBytes);
  await writeFile(source, content);
  const expected = createHash("sha256").update(content).digest("hex");
  const result = await client.files.upload(source, { filename: `round-${String(round)}.bin` });
  const copy = join(plan.dir, "copy.bin");
  await client.files.downloadTo(result.fileId, copy);
  const actual = createHash("sha256")
    .update(await readFile(copy))
    .digest("hex");
  return {
    killAfterMs,
    completed: true,
    hashesAgree: result.sha256 === expected && actual === expected,
    resentBytes: result.resentBytes,
    resumes: result.attempts - 1,
  };
}

/** Lists all files again and again and counts listings in which one was not whole. */
function watchListings(client: StreamingClient, fileBytes: number) {
  let running = true;
  const counts = { listings: 0, partialListings: 0 };
  const loop = (async () => {
    while (running) {
      try {
        let whole = true;
        for await (const file of client.files.list()) whole &&= file.size === fileBytes;
        counts.listings += 1;
        if (!whole) counts.partialListings += 1;
      } catch {
        // The server is down: that is what this test is about.
      }
      await sleep(20);
    }
  })();
  return {
    async stop() {
      running = false;
      await loop;
      return counts;
    },
  };
}
