import type { MetricWindow } from "@millrace/client-sdk";

import { escapeControls } from "./escape-controls.js";
import { sparkline } from "./sparkline.js";

/** What of a window can be drawn. */
export const DRAWABLE = ["avg", "sum", "count", "min", "max", "last", "stddev"] as const;
export type Drawable = (typeof DRAWABLE)[number];

/** How windows are drawn. */
export interface Drawing {
  readonly what: Drawable;
  readonly startMs: number;
  readonly stepMs: number;
  /** Windows of the whole range. */
  readonly windows: number;
  /** Characters of a line of bars, at most; windows that have no room of their own share one. */
  readonly width: number;
}

/** A window as a JSON object on a line. */
export function windowLine(window: MetricWindow): string {
  return `${JSON.stringify(window)}\n`;
}

/** A metric's labels as people write them, such as `{host="a"}`. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return escapeControls(`{${pairs.join(",")}}`);
}

/** The windows of one group, for people: its labels, bars, and what they are between. */
export class GroupDrawing {
  readonly #drawing: Drawing;
  readonly #labels: string;
  readonly #bars: (number | undefined)[];
  #count = 0;
  #min = Infinity;
  #max = -Infinity;
  #last = 0;

  constructor(drawing: Drawing, { labels }: MetricWindow) {
    this.#drawing = drawing;
    this.#labels = labelText(labels);
    this.#bars = Array.from({ length: Math.min(drawing.windows, drawing.width) }, () => undefined);
  }

  isOf({ labels }: MetricWindow): boolean {
    return labelText(labels) === this.#labels;
  }

  /** Of windows that share a bar the largest is shown. */
  add(window: MetricWindow): void {
    const { what, startMs, stepMs, windows } = this.#drawing;
    const value = window[what];
    const index = Math.round((window.start.getTime() - startMs) / stepMs);
    const bar = Math.min(this.#bars.length - 1, Math.floor((index * this.#bars.length) / windows));
    this.#bars[bar] = Math.max(this.#bars[bar] ?? -Infinity, value);
    this.#count += window.count;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
    this.#last = value;
  }

  get text(): string {
    const { what } = this.#drawing;
    const [min, max, last] = [this.#min, this.#max, this.#last].map(numberText);
    const facts = `${what} ${min ?? ""} to ${max ?? ""}, last ${last ?? ""}, ${numberText(this.#count)} samples`;
    return `${this.#labels}\n  ${sparkline(this.#bars)}\n  ${facts}\n`;
  }
}

function numberText(value: number): string {
  return String(Number(value.toPrecision(6)));
}
