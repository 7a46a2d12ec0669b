const MIN_HEARTBEAT_MS = 1000;
const MAX_HEARTBEAT_MS = 600_000;

/** @throws {RangeError} unless a server can be asked for heartbeats at this interval; 0 means none, left out the default */
export function checkHeartbeat(heartbeatMs: number = MIN_HEARTBEAT_MS): void {
  if (heartbeatMs === 0 || (heartbeatMs >= MIN_HEARTBEAT_MS && heartbeatMs <= MAX_HEARTBEAT_MS)) return;
  const range = `${String(MIN_HEARTBEAT_MS)} to ${String(MAX_HEARTBEAT_MS)}, or 0 for none`;
  throw new RangeError(`option 'heartbeatMs' is ${String(heartbeatMs)}, not ${range}`);
}
