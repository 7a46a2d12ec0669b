import { randomUUID } from "node:crypto";

/** A UUIDv7: ids of later milliseconds sort after those of earlier ones, which keeps an index of them compact. */
export function newEventId(nowMs: number): string {
  const time = nowMs.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
