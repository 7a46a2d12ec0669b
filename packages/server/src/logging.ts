import { destination, pino } from "pino";

import type { Logger } from "./rpc/logger.js";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Levels of a log, from most lines to none. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

const STDERR = 2;

/** A log of JSON lines on stderr, written at once: what led to a crash is in it. */
export function createLogger(level: LogLevel): Logger {
  return pino({ level }, destination({ dest: STDERR, sync: true }));
}
