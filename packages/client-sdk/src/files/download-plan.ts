import { createHash, randomUUID } from "node:crypto";

import type { ResumeStore } from "./resume-store.js";
import type { FileInfo } from "./types.js";

/** A contiguous part of a file, and how far it is. */
export interface PlannedRange {
  readonly start: number;
  readonly end: number;
  /** First byte that is not there yet. */
  position: number;
}

interface StoredPlan {
  readonly generation: number;
  readonly ranges: readonly PlannedRange[];
}

/** Progress between two writes to the store, in bytes: what a killed process fetches again at most, per range. */
const SAVE_INTERVAL_BYTES = 16 * 1024 * 1024;

/** Which bytes of a file are there already; remembered in a resume store, if there is one. */
export class DownloadPlan {
  /** Part of the name of the part file: the same in a later process if there is a store. */
  readonly tag: string;
  readonly #file: FileInfo;
  readonly #store: ResumeStore | undefined;
  readonly #key: string;
  #ranges: readonly PlannedRange[] = [];
  #savedBytes = 0;

  constructor(file: FileInfo, destination: string, target: string, store: ResumeStore | undefined) {
    this.#file = file;
    this.#store = store;
    this.#key = JSON.stringify(["download", target, file.fileId, destination]);
    this.tag = store ? createHash("sha256").update(this.#key).digest("hex").slice(0, 32) : randomUUID();
  }

  get ranges(): readonly PlannedRange[] {
    return this.#ranges;
  }

  /** Bytes that are there. */
  get receivedBytes(): number {
    return this.#ranges.reduce((sum, { start, position }) => sum + position - start, 0);
  }

  /** Takes up the plan of an earlier process; tells whether there was one that still fits. */
  async restore(): Promise<boolean> {
    const plan = planOf(await this.#store?.get(this.#key));
    if (plan?.generation !== this.#file.generation) return false;
    this.#ranges = plan.ranges;
    this.#savedBytes = this.receivedBytes;
    return true;
  }

  /** Plans to fetch everything, in `count` ranges of about the same size. */
  startAnew(count: number): void {
    const { size } = this.#file;
    const step = Math.max(1, Math.ceil(size / count));
    const starts = Array.from({ length: Math.max(1, Math.ceil(size / step)) }, (_, index) => index * step);
    this.#ranges = starts.map((start) => ({ start, position: start, end: Math.min(start + step, size) }));
  }

  /** Bytes were written: remembers them from time to time. */
  async advanced(range: PlannedRange, position: number): Promise<void> {
    range.position = position;
    if (this.receivedBytes - this.#savedBytes >= SAVE_INTERVAL_BYTES) await this.save();
  }

  async save(): Promise<void> {
    this.#savedBytes = this.receivedBytes;
    const plan: StoredPlan = { generation: this.#file.generation, ranges: this.#ranges };
    await this.#store?.set(this.#key, JSON.stringify(plan));
  }

  async forget(): Promise<void> {
    await this.#store?.delete(this.#key);
  }
}

/** What cannot be read any more is no plan. */
function planOf(stored = "null"): StoredPlan | null {
  try {
    return JSON.parse(stored) as StoredPlan | null;
  } catch {
    return null;
  }
}
