import { escapeControls } from "./escape-controls.js";
import { formatBytes, formatSeconds } from "./format.js";
import type { Terminal } from "./terminal.js";

/** How far something is. */
export interface Progress {
  readonly doneBytes: number;
  /** Left out while it is not known. */
  readonly totalBytes?: number;
  readonly bytesPerSecond: number;
}

/** Time between two drawings of the bar, in milliseconds. */
const REDRAW_MS = 100;

/** Bytes between two plain lines when the total is not known. */
const PLAIN_STEP_BYTES = 64 * 1024 * 1024;

/** Widest bar, in characters. */
const MAX_BAR_WIDTH = 40;

/** Back to the start of the line, and clear it. */
const REWRITE = "\r\u001B[2K";

/** Shows progress on `terminal.err`: a bar that is redrawn on a screen, else a line every 10 %. */
export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #now: () => number;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #step = 0;
  #last: Progress | undefined;

  constructor(terminal: Terminal, label: string, now: () => number = Date.now) {
    this.#terminal = terminal;
    this.#label = escapeControls(label);
    this.#now = now;
  }

  /** Shows `progress` if it is time for it. */
  update(progress: Progress): void {
    this.#last = progress;
    if (this.#terminal.isInteractive) this.#redraw(progress);
    else this.#printStep(progress);
  }

  /** Prints a line of its own, in place of the bar, which comes again with the next progress. */
  interject(line: string): void {
    this.#terminal.err(this.#terminal.isInteractive ? `${REWRITE}${line}` : line);
  }

  /** Shows the last progress for good and ends the line. Does nothing if there was none. */
  finish(): void {
    if (this.#last === undefined || !this.#terminal.isInteractive) return;
    this.#terminal.err(`${REWRITE}${this.#line(this.#last)}\n`);
    this.#last = undefined;
  }

  #redraw(progress: Progress): void {
    const now = this.#now();
    if (now - this.#drawnAtMs < REDRAW_MS) return;
    this.#drawnAtMs = now;
    this.#terminal.err(`${REWRITE}${this.#line(progress)}`);
  }

  #printStep(progress: Progress): void {
    const { doneBytes, totalBytes, bytesPerSecond } = progress;
    const step =
      totalBytes === undefined ? Math.floor(doneBytes / PLAIN_STEP_BYTES) : Math.floor(10 * shareOf(progress));
    if (step <= this.#step) return;
    this.#step = step;
    const share = totalBytes === undefined ? "" : `${String(step * 10)} % `;
    const total = totalBytes === undefined ? "" : ` of ${formatBytes(totalBytes)}`;
    const rate = `${formatBytes(bytesPerSecond)}/s`;
    this.#terminal.err(`${this.#label}: ${share}(${formatBytes(doneBytes)}${total}, ${rate})\n`);
  }

  /** As wide as the screen allows: the bar gives way first, then the end is cut. */
  #line(progress: Progress): string {
    const facts = factsOf(progress);
    const room = this.#terminal.columns - 1 - this.#label.length - facts.length - 5;
    const width = Math.min(MAX_BAR_WIDTH, room);
    const bar = progress.totalBytes === undefined || width < 5 ? "" : ` [${barOf(shareOf(progress), width)}]`;
    return `${this.#label}${bar}  ${facts}`.slice(0, Math.max(0, this.#terminal.columns - 1));
  }
}

function shareOf({ doneBytes, totalBytes = 0 }: Progress): number {
  return totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
}

function barOf(share: number, width: number): string {
  const filled = Math.floor(share * width);
  return "#".repeat(filled) + "-".repeat(width - filled);
}

function factsOf(progress: Progress): string {
  const { doneBytes, totalBytes, bytesPerSecond } = progress;
  const rate = `${formatBytes(bytesPerSecond)}/s`;
  if (totalBytes === undefined) return `${formatBytes(doneBytes)}  ${rate}`;
  const percent = `${String(Math.floor(100 * shareOf(progress))).padStart(3)} %`;
  const eta = formatSeconds(bytesPerSecond > 0 ? (totalBytes - doneBytes) / bytesPerSecond : Infinity);
  return `${percent}  ${formatBytes(doneBytes)} / ${formatBytes(totalBytes)}  ${rate}  ETA ${eta}`;
}
