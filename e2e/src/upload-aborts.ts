import { randomBytes } from "node:crypto";
import { once } from "node:events";
import http2 from "node:http2";
import { join } from "node:path";

import { createClient } from "@millrace/client-sdk";

import { bytesUnder } from "./support/bytes-under.js";
import { framedChunk, openRawCall } from "./support/raw-call.js";
import { seedChunksOf, seedUpload } from "./support/seed-calls.js";
import { openSeedClient } from "./support/seed-client.js";
import { startServerProcess } from "./support/server-process.js";

/** The four ways in which an upload of a seed-style client dies. */
export const ABORT_KINDS = ["reset", "cancel", "tcp-cut", "mid-message"] as const;
export type AbortKind = (typeof ABORT_KINDS)[number];

const UPLOAD_PATH = "/streaming.v1.StreamingService/UploadFile";
const CHUNK_BYTES = 16 * 1024;
const CONTROL = "control.bin";

/** An upload to abort: `chunkCount` chunks are promised, `sentChunks` of them are sent before the abort. */
export interface AbortPlan {
  readonly kind: AbortKind;
  readonly filename: string;
  readonly chunkCount: number;
  readonly sentChunks: number;
  /** For `mid-message`: end the stream properly after the cut message instead of dropping the connection. */
  readonly endProperly: boolean;
}

export interface AbortRun {
  readonly dataDir: string;
  readonly perKind: number;
  readonly random: () => number;
}

export interface AbortReport {
  readonly aborted: number;
  /** Aborted uploads that became files. */
  readonly published: number;
  /** Bytes left in the server's staging area. */
  readonly stagedBytes: number;
  /** An upload that was not aborted became a file. */
  readonly controlPublished: boolean;
}

/**
 * Aborts `perKind` uploads in each way, then drains the server, so that no handler is left that could
 * still publish, and counts what a new server finds.
 */
export async function abortUploads({ dataDir, perKind, random }: AbortRun): Promise<AbortReport> {
  const server = await startServerProcess({ dataDir });
  const plans = ABORT_KINDS.flatMap((kind) =>
    Array.from({ length: perKind }, (_, index) => planAbort(kind, index, random)),
  );
  for (const plan of plans) await abortUpload(server.port, plan);
  await uploadControl(server.target);
  await server.terminate();
  const names = await publishedNames(dataDir);
  return {
    aborted: plans.length,
    published: names.filter((name) => name !== CONTROL).length,
    stagedBytes: await bytesUnder(join(dataDir, "staging")),
    controlPublished: names.includes(CONTROL),
  };
}

async function uploadControl(target: string): Promise<void> {
  const client = openSeedClient(target);
  try {
    await seedUpload(client, seedChunksOf(randomBytes(100_000), CONTROL));
  } finally {
    client.close();
  }
}

async function publishedNames(dataDir: string): Promise<string[]> {
  await using server = await startServerProcess({ dataDir });
  await using client = createClient({ target: server.target });
  const names: string[] = [];
  for await (const file of client.files.list()) names.push(file.filename);
  return names;
}

/** Plans with the abort anywhere from before the first chunk to after the last one. */
export function planAbort(kind: AbortKind, index: number, random: () => number): AbortPlan {
  const chunkCount = 1 + Math.floor(random() * 40);
  const sentChunks = Math.floor(random() * (chunkCount + (kind === "mid-message" ? 0 : 1)));
  return { kind, filename: `${kind}-${String(index)}.bin`, chunkCount, sentChunks, endProperly: random() < 0.5 };
}

/** Uploads as the seed's client does, and dies as planned. Resolves when this side is done. */
export function abortUpload(port: number, plan: AbortPlan): Promise<void> {
  return plan.kind === "cancel" ? cancelUpload(port, plan) : breakUpload(port, plan);
}

async function cancelUpload(port: number, plan: AbortPlan): Promise<void> {
  const client = openSeedClient(`127.0.0.1:${String(port)}`);
  try {
    const ended = Promise.withResolvers<void>();
    const call = client.uploadFile(() => ended.resolve());
    for (const chunk of seedChunks(plan)) {
      if (!call.write(chunk)) await once(call, "drain");
    }
    call.cancel();
    await ended.promise;
  } finally {
    client.close();
  }
}

async function breakUpload(port: number, plan: AbortPlan): Promise<void> {
  await using call = await openRawCall(port, UPLOAD_PATH);
  for (const chunk of seedChunks(plan)) await call.write(framedChunk(camelCased(chunk)));
  if (plan.kind === "reset") call.reset(http2.constants.NGHTTP2_INTERNAL_ERROR);
  if (plan.kind === "tcp-cut") call.cut();
  if (plan.kind === "mid-message") await cutMessage(call, plan);
  await call.status;
}

async function cutMessage(call: Awaited<ReturnType<typeof openRawCall>>, plan: AbortPlan): Promise<void> {
  const whole = framedChunk(camelCased(seedChunk(plan, plan.sentChunks)));
  await call.write(whole.subarray(0, Math.floor(whole.byteLength / 2)));
  if (plan.endProperly) call.end();
  else call.cut();
}

function* seedChunks(plan: AbortPlan): Generator<ReturnType<typeof seedChunk>> {
  for (let index = 0; index < plan.sentChunks; index++) yield seedChunk(plan, index);
}

function seedChunk(plan: AbortPlan, index: number) {
  return {
    content: randomBytes(CHUNK_BYTES),
    offset: index * CHUNK_BYTES,
    total_size: plan.chunkCount * CHUNK_BYTES,
    filename: plan.filename,
  };
}

function camelCased({ content, offset, total_size, filename }: ReturnType<typeof seedChunk>) {
  return { content, offset, totalSize: total_size, filename };
}
