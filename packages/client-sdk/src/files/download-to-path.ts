import { resolve } from "node:path";

import { StreamingError } from "../errors.js";
import { answerOf } from "./answer-of.js";
import { cancelledBy } from "./cancelled-by.js";
import { DownloadPlan, type PlannedRange } from "./download-plan.js";
import { openDownload } from "./download.js";
import { DOWNLOAD_METHOD, dataLoss } from "./download-check.js";
import type { FilesDeps } from "./files-api.js";
import { PartFile } from "./part-file.js";
import { RateMeter } from "./rate-meter.js";
import { stat } from "./stat.js";
import type { DownloadResult, DownloadToOptions, FileInfo } from "./types.js";

/** Files up to this size are fetched in one range, in bytes: more would not be faster. */
const SINGLE_RANGE_BYTES = 16 * 1024 * 1024;

const DEFAULT_PARALLEL = 4;

const MAX_PARALLEL = 16;

/** Downloads into a part file, checks it, and puts it in its place. */
export async function downloadToPath(
  deps: FilesDeps,
  fileId: string,
  path: string,
  options: DownloadToOptions,
): Promise<DownloadResult> {
  const destination = resolve(path);
  const file = await untilStat(deps, fileId, options);
  const store = options.resume ? options.resume.store : undefined;
  const plan = new DownloadPlan(file, destination, deps.target, store);
  await using part = await PartFile.open(destination, plan.tag);
  try {
    if (!((await plan.restore()) && (await part.size()) === file.size)) {
      plan.startAnew(rangeCountOf(file, options));
      await part.reset(file.size);
    }
    const attempts = await fetchAll(deps, file, plan, part, options);
    await verify(part, file, options.signal);
    await part.publish();
    await plan.forget().catch(ignore); // the file is there; its plan fits no other part
    const { filename, size, sha256 } = file;
    return { fileId, filename, size, sha256, file, attempts };
  } catch (error) {
    const canContinue = store !== undefined && isInterruption(error, options.signal);
    const cleanUp = canContinue ? [plan.save()] : [part.remove(), plan.forget()];
    await Promise.allSettled(cleanUp); // the first failure is what the caller should see
    throw error;
  }
}

/** Whether the same download may go on later: what is there is right, and the server still has the rest. */
function isInterruption(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true || (StreamingError.is(error) && error.retryable);
}

function ignore(): void {}

/** The file's facts; as patient with a server that is away as the download itself. */
async function untilStat(deps: FilesDeps, fileId: string, options: DownloadToOptions): Promise<FileInfo> {
  const { signal, resume, headers } = options;
  const loop = deps.openResumeLoop({ policy: resume, signal });
  const call = { retry: false, ...(signal && { signal }), ...(headers && { headers }) } as const;
  for (;;) {
    try {
      return await answerOf(stat(deps, fileId, call));
    } catch (error) {
      await loop.waitAfter(error);
    }
  }
}

function rangeCountOf({ size }: FileInfo, { parallel }: DownloadToOptions): number {
  if (parallel === undefined) return size > SINGLE_RANGE_BYTES ? DEFAULT_PARALLEL : 1;
  if (Number.isInteger(parallel) && parallel >= 1 && parallel <= MAX_PARALLEL) return parallel;
  throw new RangeError(`parallel is ${String(parallel)}, not 1 to ${String(MAX_PARALLEL)}`);
}

/** Fetches all ranges at once and returns how many streams that took. The first failure ends them all. */
async function fetchAll(
  deps: FilesDeps,
  file: FileInfo,
  plan: DownloadPlan,
  part: PartFile,
  options: DownloadToOptions,
): Promise<number> {
  const meter = new RateMeter(deps.clock, plan.receivedBytes);
  const onWritten = async (range: PlannedRange, position: number): Promise<void> => {
    await plan.advanced(range, position);
    const { receivedBytes } = plan;
    const bytesPerSecond = meter.rateAt(receivedBytes);
    options.onProgress?.({ receivedBytes, totalBytes: file.size, bytesPerSecond });
  };
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const ranges = plan.ranges.map(async (range) => {
    try {
      return await fetchRange(deps, file, range, part, { ...options, signal }, onWritten);
    } catch (error) {
      failed.abort(error);
      return 0;
    }
  });
  const attempts = await Promise.all(ranges);
  failed.signal.throwIfAborted();
  return attempts.reduce((sum, count) => sum + count, 0);
}

async function fetchRange(
  deps: FilesDeps,
  { fileId, size, generation }: FileInfo,
  range: PlannedRange,
  part: PartFile,
  { signal, headers, idleTimeoutMs, chunkBytes, ifGenerationMatch = generation, resume }: DownloadToOptions,
  onWritten: (range: PlannedRange, position: number) => Promise<void>,
): Promise<number> {
  if (range.position === range.end && size > 0) return 0;
  await using chunks = openDownload(deps, fileId, {
    start: range.position,
    ...(size > 0 && { end: range.end }),
    ifGenerationMatch,
    // The whole file is checked when it is complete.
    verify: false,
    ...(signal && { signal }),
    ...(headers && { headers }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(chunkBytes !== undefined && { chunkBytes }),
    ...(resume !== undefined && { resume }),
  });
  for await (const { offset, content } of chunks) {
    await part.write(offset, content);
    await onWritten(range, offset + content.byteLength);
  }
  return chunks.attempts;
}

async function verify(part: PartFile, file: FileInfo, signal: AbortSignal | undefined): Promise<void> {
  const sha256 = await part.sha256(signal).catch((error: unknown) => {
    throw signal?.aborted ? cancelledBy(signal, DOWNLOAD_METHOD) : error;
  });
  if (sha256 === file.sha256) return;
  throw dataLoss("the SHA-256 of the downloaded file is wrong", file.sha256, sha256);
}
