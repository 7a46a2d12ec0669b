/** How often a server says that a quiet stream is alive, unless it is told otherwise, in milliseconds. */
export const DEFAULT_HEARTBEAT_MS = 5000;

/** Heartbeats that may be late before the stream counts as dead. */
const TOLERATED_HEARTBEATS = 2.5;

/** Silence that says that a stream is dead, in milliseconds; `undefined`: none does. */
export function silenceAfterMs(heartbeatMs: number): number | undefined {
  return heartbeatMs === 0 ? undefined : TOLERATED_HEARTBEATS * heartbeatMs;
}
