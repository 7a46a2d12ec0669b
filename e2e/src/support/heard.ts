import { once } from "node:events";
import type { Readable } from "node:stream";

import { type Tally, tally } from "@millrace/client-sdk/testing";

/** Everything that a stream of a stock client gives, and how it ends. */
export interface Heard<T> {
  readonly messages: readonly T[];
  /** The server has accepted the call. */
  readonly accepted: Promise<unknown>;
  /** Resolves once so many messages have come. */
  reached(count: number): Promise<void>;
  /** Resolves with the status of the call. */
  readonly status: Promise<{ readonly code: number; readonly details: string }>;
}

/** Listens to a stream until it ends. */
export function hear<T>(stream: Readable): Heard<T> {
  const messages: T[] = [];
  const count: Tally = tally();
  const accepted = once(stream, "metadata");
  accepted.catch(() => {}); // the status tells
  stream.on("data", (message: T) => {
    messages.push(message);
    count.add();
  });
  stream.on("error", () => {});
  const status = new Promise<{ code: number; details: string }>((resolve) => stream.on("status", resolve));
  return { messages, accepted, status, reached: (wanted) => count.reached(wanted) };
}
