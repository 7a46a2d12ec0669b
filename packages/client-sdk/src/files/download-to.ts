import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { WritableStream as NodeWritableStream } from "node:stream/web";
import { fileURLToPath } from "node:url";

import { cancelledBy } from "./cancelled-by.js";
import { checkDownloadToOptions } from "./check-file-options.js";
import { downloadToPath } from "./download-to-path.js";
import { DOWNLOAD_METHOD } from "./download-check.js";
import { openDownload } from "./download.js";
import type { FilesDeps } from "./files-api.js";
import { RateMeter } from "./rate-meter.js";
import type { Download, DownloadDestination, DownloadResult, DownloadToOptions } from "./types.js";

/** Downloads a whole file to a path or a stream. See {@link FilesApi.downloadTo}. */
export async function downloadTo(
  deps: FilesDeps,
  fileId: string,
  destination: DownloadDestination,
  options: DownloadToOptions = {},
): Promise<DownloadResult> {
  checkDownloadToOptions(options);
  if (typeof destination === "string") return downloadToPath(deps, fileId, destination, options);
  if (destination instanceof URL) return downloadToPath(deps, fileId, fileURLToPath(destination), options);
  const writable = destination instanceof Writable ? destination : Writable.fromWeb(destination as NodeWritableStream);
  return downloadToStream(deps, fileId, writable, options);
}

/** In order and at the pace of the stream, which is destroyed if the download fails. */
async function downloadToStream(
  deps: FilesDeps,
  fileId: string,
  destination: Writable,
  { onProgress, signal, ...options }: DownloadToOptions,
): Promise<DownloadResult> {
  await using chunks = openDownload(deps, fileId, { ...options, ...(signal && { signal }) });
  const meter = new RateMeter(deps.clock, 0);
  const contents = contentsOf(chunks, (receivedBytes, totalBytes) =>
    onProgress?.({ receivedBytes, totalBytes, bytesPerSecond: meter.rateAt(receivedBytes) }),
  );
  await pipeline(contents, destination, { ...(signal && { signal }) }).catch((error: unknown) => {
    throw signal?.aborted ? cancelledBy(signal, DOWNLOAD_METHOD) : error;
  });
  const file = await chunks.info;
  const { filename, size, sha256 } = file;
  return { fileId, filename, size, sha256, file, attempts: chunks.attempts };
}

async function* contentsOf(
  chunks: Download,
  onTaken: (receivedBytes: number, totalBytes: number) => void,
): AsyncGenerator<Uint8Array, undefined, undefined> {
  for await (const { offset, content } of chunks) {
    const { size } = await chunks.info;
    yield content;
    onTaken(offset + content.byteLength, size);
  }
}
