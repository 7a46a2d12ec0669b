import { StatusCode } from "@millrace/shared-types";

import type { ErrorOrigin } from "../errors.js";

/** What grpc-js 1.14.7 itself decides in this process. */
const MADE_HERE: readonly RegExp[] = [
  /^Deadline exceeded after /,
  /^Received message larger than max /,
  /^Received message that decompresses to a size larger than /,
  /^Attempted to send message with a size larger than /,
  /^Failed to decompress (?:gzip|deflate)-encoded message$/,
  /^Failed to parse (?:DNS|ipv4|ipv6) address /,
];

/**
 * What grpc-js 1.14.7 writes when there is no status from the server (subchannel-call.ts,
 * load-balancing-call.ts, internal-channel.ts, picker.ts, resolver-dns.ts): it does not say so in
 * any other way, and statuses of servers may look the same in all other respects.
 */
const MADE_BY_TRANSPORT: readonly RegExp[] = [
  /^Connection dropped$/,
  /^Call cancelled$/,
  /^Stream refused by server$/,
  /^Bandwidth exhausted or memory limit exceeded$/,
  /^Protocol not secure enough$/,
  /^Received RST_STREAM with code /,
  /^Received HTTP status code \d+$/,
  /^No status information received$/,
  /^Write error: /,
  /^Write failed with error /,
  /^Failed to start HTTP\/2 stream with error /,
  /^No connection established/,
  /^Channel closed before call started$/,
  /^Name resolution failed for target /,
  /^read E[A-Z]+$/,
  /^write E[A-Z]+$/,
];

/** Who made a status that grpc-js reports. */
export function statusOrigin(code: StatusCode, message: string): ErrorOrigin {
  if (code === StatusCode.OK) return "server";
  if (MADE_HERE.some((pattern) => pattern.test(message))) return "client";
  if (MADE_BY_TRANSPORT.some((pattern) => pattern.test(message))) return "transport";
  return "server";
}
