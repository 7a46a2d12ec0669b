import type { ConsumeOpen } from "@millrace/shared-types";
import { invalidField } from "@millrace/shared-types";

import { durationField } from "./subscription-config.js";

const MIB = 1024 * 1024;
const MAX_CONSUMER_ID_CHARS = 255;
const DEFAULT_IN_FLIGHT = 100;
const MAX_IN_FLIGHT = 10_000;
const DEFAULT_IN_FLIGHT_BYTES = 8 * MIB;
const MIN_HEARTBEAT_MS = 1000;
const MAX_HEARTBEAT_MS = 600_000;

/** What a consumer asks for. */
export interface ConsumerOptions {
  /** A later consumer with the same id takes over; empty: nobody does. */
  readonly id: string;
  readonly maxInFlight: number;
  /** Payloads, in bytes. One event may be larger. */
  readonly maxInFlightBytes: number;
  readonly manualCredit: boolean;
  /** 0: none. */
  readonly heartbeatMs: number;
}

/**
 * Checks how a consumer wants to attach.
 *
 * @throws ServiceError `INVALID_FIELD`
 */
export function consumerOptionsOf(open: ConsumeOpen): ConsumerOptions {
  const { consumerId, maxInFlight, maxInFlightBytes, manualCredit, heartbeatInterval } = open;
  if (consumerId.length > MAX_CONSUMER_ID_CHARS) {
    throw invalidField(
      "open.consumer_id",
      `has ${String(consumerId.length)} characters, at most ${String(MAX_CONSUMER_ID_CHARS)} are allowed`,
    );
  }
  if (maxInFlight < 0 || maxInFlight > MAX_IN_FLIGHT) {
    throw invalidField("open.max_in_flight", `must be from 0 to ${String(MAX_IN_FLIGHT)}`);
  }
  if (maxInFlightBytes < 0) throw invalidField("open.max_in_flight_bytes", "must not be negative");
  const heartbeatMs = durationField("open.heartbeat_interval", heartbeatInterval, 0, Infinity) ?? 0;
  return {
    id: consumerId,
    maxInFlight: maxInFlight || DEFAULT_IN_FLIGHT,
    maxInFlightBytes: maxInFlightBytes || DEFAULT_IN_FLIGHT_BYTES,
    manualCredit,
    heartbeatMs: heartbeatMs && Math.min(Math.max(heartbeatMs, MIN_HEARTBEAT_MS), MAX_HEARTBEAT_MS),
  };
}
