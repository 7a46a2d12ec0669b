import type { Http2SecureServer, Http2Server, IncomingHttpHeaders, ServerHttp2Session } from "node:http2";

import type { Server } from "@grpc/grpc-js";

import { http2Settings } from "./channel-options.js";
import { http2OptionsOf, http2ServersOf } from "./grpc-internals.js";
import type { Logger } from "./logger.js";
import type { ServerLimits } from "./server-options.js";

/** Longest `grpc-timeout` that grpc-js can keep: it turns longer ones into a deadline in the past (1.14.7, server-interceptors.ts:656). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const MS_PER_UNIT: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Gives plaintext servers the HTTP/2 settings that TLS servers get with their credentials. Before the first connection. */
export function tuneSettings(server: Server, limits: Required<ServerLimits>, log: Logger): void {
  const options = http2OptionsOf(server);
  if (options === undefined) return logMissing(log, "HTTP/2 settings");
  options.settings = { ...options.settings, ...http2Settings(limits) };
}

/**
 * Opens the receive window of every connection to `receiveWindowBytes` (grpc-js leaves it at 64 KiB, one
 * upload chunk per round trip) and keeps absurdly long deadlines from becoming instant ones.
 */
export function tuneSessions(server: Server, { receiveWindowBytes }: Required<ServerLimits>, log: Logger): void {
  const servers = http2ServersOf(server);
  if (servers === undefined || servers.length === 0) return logMissing(log, "receive windows and long deadlines");
  for (const http2Server of servers) tune(http2Server, receiveWindowBytes);
}

function tune(server: Http2Server | Http2SecureServer, windowBytes: number): void {
  server.on("session", (session: ServerHttp2Session) => {
    if (!session.destroyed) session.setLocalWindowSize(windowBytes);
  });
  server.prependListener("stream", (_stream: unknown, headers: IncomingHttpHeaders) => dropEndlessTimeout(headers));
}

function dropEndlessTimeout(headers: IncomingHttpHeaders): void {
  const [, amount, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(String(headers["grpc-timeout"])) ?? [];
  if (Number(amount) * (MS_PER_UNIT[unit] ?? 0) > MAX_TIMEOUT_MS) delete headers["grpc-timeout"];
}

function logMissing(log: Logger, what: string): void {
  log.warn({ what }, "this version of grpc-js does not let us set it; continuing with its defaults");
}
