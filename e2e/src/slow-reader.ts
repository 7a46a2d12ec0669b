import { setTimeout as sleep } from "node:timers/promises";

import { createClient } from "@millrace/client-sdk";

import type { ServerProcess } from "./support/server-process.js";

export interface SlowRead {
  /** Bytes per second that the reader takes. */
  readonly bytesPerSecond: number;
  readonly durationMs: number;
}

export interface SlowReadReport {
  readonly readBytes: number;
  readonly residentBefore: number;
  readonly residentPeak: number;
}

/** Downloads a file at a bounded rate and watches the server's resident memory. */
export async function readSlowly(server: ServerProcess, fileId: string, plan: SlowRead): Promise<SlowReadReport> {
  const client = createClient({ target: server.target });
  const residentBefore = await server.residentBytes();
  const startedAt = Date.now();
  let residentPeak = residentBefore;
  let readBytes = 0;
  try {
    for await (const chunk of client.files.download(fileId)) {
      readBytes += chunk.content.byteLength;
      const elapsedMs = Date.now() - startedAt;
      if (elapsedMs >= plan.durationMs) break;
      const aheadMs = (readBytes / plan.bytesPerSecond) * 1000 - elapsedMs;
      if (aheadMs > 10) {
        residentPeak = Math.max(residentPeak, await server.residentBytes());
        await sleep(aheadMs);
      }
    }
  } finally {
    await client.close();
  }
  return { readBytes, residentBefore, residentPeak };
}
