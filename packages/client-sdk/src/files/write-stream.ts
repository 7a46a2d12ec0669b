import {
  crc32c,
  type FileChunk,
  FileServiceDefinition,
  type PartialMessage,
  type WriteFileResponse,
} from "@millrace/shared-types";

import { UnavailableError } from "../errors.js";
import type { CallOptions } from "../options.js";
import type { Rpc } from "../rpc/rpc.js";
import type { DuplexStream } from "../rpc/streams.js";
import { unlessAborted } from "./unless-aborted.js";
import type { UploadContent } from "./upload-content.js";
import type { UploadWindow } from "./upload-window.js";

const { writeFile } = FileServiceDefinition.methods;

type WriteFileStream = DuplexStream<PartialMessage<FileChunk>, WriteFileResponse>;

/** What one stream of an upload works on. */
export interface WriteStreamTask {
  readonly uploadId: string;
  readonly content: UploadContent;
  readonly window: UploadWindow;
  /** Called after each chunk that was sent. */
  readonly onSent: () => void;
  /** Called with the committed size of each acknowledgement. */
  readonly onCommitted: (committedBytes: number) => void;
}

/**
 * Sends what is not durable yet over one stream and returns the last response, which has the
 * published file. Nothing of it runs any more when it settles.
 *
 * @throws {StreamingError} what ended the call before that
 * @throws whatever the source throws
 */
export async function writeOverStream(rpc: Rpc, task: WriteStreamTask, call: CallOptions): Promise<WriteFileResponse> {
  const over = new AbortController();
  await using stream = rpc.duplex(FileServiceDefinition, writeFile, call);
  const received = receiveAcks(stream, task).finally(() => over.abort());
  received.catch(() => {}); // looked at below, maybe long after it rejected
  const failure = await sendContent(stream, task, over.signal).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (failure !== undefined) stream.cancel("the upload cannot go on");
  // The call's own end explains a failed send, so it goes first.
  const last = await received;
  if (last?.file !== undefined) return last;
  // An end is not a yes: without the file in the last response it is not published.
  if (failure === undefined || (await stream.closed).type === "completed") throw unfinished();
  throw failure.error;
}

function unfinished(): UnavailableError {
  const message = "the server ended the upload without publishing the file";
  return new UnavailableError(message, { origin: "server", retryable: true });
}

async function receiveAcks(
  stream: WriteFileStream,
  { onCommitted }: WriteStreamTask,
): Promise<WriteFileResponse | undefined> {
  let last: WriteFileResponse | undefined;
  for await (const response of stream) {
    last = response;
    onCommitted(response.committedSize);
  }
  return last;
}

async function sendContent(stream: WriteFileStream, task: WriteStreamTask, over: AbortSignal): Promise<void> {
  const { uploadId, content, window } = task;
  window.rewind();
  for (;;) {
    await window.untilResumed(over);
    const offset = window.sentBytes;
    const chunk = await unlessAborted(content.at(offset), over);
    if (chunk === undefined) break;
    if (!window.hasRoomFor(chunk.byteLength)) await stream.send({ uploadId, offset, flush: true });
    await window.untilRoomFor(chunk.byteLength, over);
    window.advance(chunk.byteLength);
    await stream.send({ uploadId, offset, content: chunk, crc32c: crc32c(chunk) });
    task.onSent();
  }
  await stream.send(finishMessage(task));
  await stream.end();
}

function finishMessage({ uploadId, content, window }: WriteStreamTask): PartialMessage<FileChunk> {
  const { sha256 } = content;
  if (sha256 === undefined) throw new Error("the content was not read to its end");
  const offset = window.sentBytes;
  return { uploadId, offset, totalSize: offset, finishWrite: true, checksums: { sha256 } };
}
