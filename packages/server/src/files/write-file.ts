import type { FileChunk, WriteFileResponse } from "@millrace/shared-types";
import { protocolViolation } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { AckSlot, everyPeriod } from "./ack-slot.js";
import { askerOf } from "./asker-of.js";
import { ChunkChecks, draftOfChunk } from "./chunk-checks.js";
import { toFileInfo } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import { openUpload } from "./open-upload.js";
import type { Published } from "./publish-file.js";
import { receiveChunks, startingWith } from "./receive-chunks.js";
import type { TakenUpload } from "./take-upload.js";
import { takeUpload } from "./take-upload.js";
import type { OnCommit } from "./upload-target.js";

type OpenUpload = Extract<TakenUpload, { state: "open" }>;

/** While a long file is verified the client hears this often that the server is alive, in milliseconds. */
const KEEP_ALIVE_MS = 1000;

/**
 * Receives a file and says how much of it is durable: whenever bytes became durable (every 4 MiB or
 * second), after a chunk with `flush` or `query_status`, and at the end. Acknowledgements that the
 * client is slow to read are merged into the newest. Without an `upload_id` it opens a session;
 * that one is published by a half-close too. A session that is cut off keeps what came.
 */
export async function* writeFile(
  requests: AsyncIterable<FileChunk>,
  context: CallContext,
  deps: FilesDeps,
): AsyncGenerator<WriteFileResponse, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) throw protocolViolation("a first message with upload_id, spec or filename");
  const uploadId = first.value.uploadId === "" ? await openSession(first.value, context, deps) : first.value.uploadId;
  const acks = new AckSlot<WriteFileResponse>();
  const ack = (committedSize: number): void => acks.put(progressAck(uploadId, committedSize));
  const taken = await takeUpload(deps, uploadId, askerOf(context, deps), ack);
  if (taken.state === "complete") return yield publishedAck(uploadId, taken.published);
  await using target = taken.target;
  context.resumeFrom(() => String(target.committedSize));
  if (first.value.uploadId === "") ack(target.committedSize); // the client needs the id before it can resume
  const chunks = startingWith(first.value, iterator);
  const writing = write(chunks, taken, { ack, finishAtHalfClose: first.value.uploadId === "", context, deps });
  writing.then(
    () => acks.close(),
    () => acks.close(),
  );
  for (let next = await acks.take(); next !== undefined; next = await acks.take()) yield next;
  const published = await writing;
  yield published === undefined ? progressAck(uploadId, target.committedSize) : publishedAck(uploadId, published);
}

interface WriteOptions {
  readonly ack: OnCommit;
  readonly finishAtHalfClose: boolean;
  readonly context: CallContext;
  readonly deps: FilesDeps;
}

async function write(
  chunks: AsyncIterable<FileChunk>,
  { target, total, filename }: OpenUpload,
  { ack, finishAtHalfClose, context, deps }: WriteOptions,
): Promise<Published | undefined> {
  const checks = new ChunkChecks(deps.limits, { uploadId: target.uploadId, filename });
  const onChunk = (chunk: FileChunk): void => {
    if (chunk.flush || chunk.queryStatus) ack(target.committedSize);
  };
  const end = await receiveChunks(chunks, { checks, total, target, onChunk });
  await target.flush();
  if (end === "half-close" && !finishAtHalfClose) return undefined;
  const stopKeepAlive = everyPeriod(deps.clock, KEEP_ALIVE_MS, () => ack(target.committedSize));
  try {
    return await target.finish(checks.expected, context.signal);
  } finally {
    stopKeepAlive();
  }
}

async function openSession(first: FileChunk, context: CallContext, deps: FilesDeps): Promise<string> {
  const draft = draftOfChunk(first, deps.limits);
  const { value } = await openUpload(deps, { owner: context.principal.id, draft, partSize: 0 });
  return value.uploadId;
}

function progressAck(uploadId: string, committedSize: number): WriteFileResponse {
  return { uploadId, committedSize, file: undefined, deduplicated: false };
}

function publishedAck(uploadId: string, { file, deduplicated }: Published): WriteFileResponse {
  return { uploadId, committedSize: file.size, file: toFileInfo(file), deduplicated };
}
