import type { Settings } from "node:http2";

import type { ServerOptions as GrpcServerOptions } from "@grpc/grpc-js";

import type { ServerLimits, ServerTimeouts } from "./server-options.js";

/** The options that grpc-js 1.14.7 heeds on a server; it ignores all others in silence. */
export function channelOptions(limits: Required<ServerLimits>, timeouts: Required<ServerTimeouts>): GrpcServerOptions {
  return {
    "grpc.max_concurrent_streams": limits.maxStreamsPerConnection,
    "grpc.max_receive_message_length": limits.maxMessageBytes,
    "grpc.max_send_message_length": limits.maxMessageBytes,
    "grpc.keepalive_time_ms": timeouts.keepaliveIntervalMs,
    "grpc.keepalive_timeout_ms": timeouts.keepaliveTimeoutMs,
    "grpc.max_connection_idle_ms": timeouts.connectionIdleMs,
    "grpc.max_connection_age_ms": timeouts.connectionAgeMs,
    // Without a grace a busy connection would never close.
    "grpc.max_connection_age_grace_ms": timeouts.connectionAgeGraceMs,
    // Off by default, which also switches off Node's protection against header bombs.
    "grpc-node.max_session_memory": limits.sessionMemoryMb,
    // Costs a record per call. `forceShutdown` then closes no connection: our listener does.
    "grpc.enable_channelz": 0,
  };
}

/** What the server tells its peers at the start of a connection. */
export function http2Settings(limits: Required<ServerLimits>): Settings {
  return {
    maxConcurrentStreams: limits.maxStreamsPerConnection,
    maxHeaderListSize: limits.maxHeaderBytes,
    initialWindowSize: limits.receiveWindowBytes,
  };
}
