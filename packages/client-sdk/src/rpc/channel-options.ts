import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";

import type { ClientOptions, TlsOptions } from "../options.js";
import { asBuffer } from "./grpc-metadata.js";
import { MAX_TIMER_MS } from "./system-clock.js";
import { isLocalTarget } from "./target.js";

const MIB = 1_048_576;
const OFF_MS = -1;

/** What a connection begins with. */
const MIN_WINDOW_BYTES = 65_535;
const MAX_WINDOW_BYTES = 2 ** 31 - 1;

/** Whether connections to the target are encrypted: unless told otherwise, all that leave this machine. */
export function usesTls({ target, tls }: Pick<ClientOptions, "target" | "tls">): boolean {
  return tls === undefined ? !isLocalTarget(target) : tls !== false;
}

export function channelCredentials(options: Pick<ClientOptions, "target" | "tls">): ChannelCredentials {
  if (!usesTls(options)) return credentials.createInsecure();
  const { ca, key, cert } = tlsOptions(options);
  return credentials.createSsl(pem(ca), pem(key), pem(cert));
}

/**
 * grpc-js ignores names that it does not know: these are pinned by a test.
 *
 * @throws {RangeError} if `limits.receiveWindowBytes` is none
 */
export function channelOptions(options: ClientOptions): ChannelOptions {
  const { limits = {}, keepAlive } = options;
  const { serverName } = tlsOptions(options);
  return {
    // Ours is the only retry loop: grpc-js would buffer without back-pressure to be able to repeat.
    "grpc.enable_retries": 0,
    "grpc.per_rpc_retry_buffer_size": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_channelz": 0,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 5_000,
    "grpc.max_receive_message_length": limits.maxReceiveBytes ?? 4 * MIB,
    "grpc.max_send_message_length": limits.maxSendBytes ?? 4 * MIB,
    "grpc-node.flow_control_window": receiveWindowBytes(limits),
    ...keepAliveOptions(keepAlive),
    ...(serverName !== undefined && {
      "grpc.ssl_target_name_override": serverName,
      "grpc.default_authority": serverName,
    }),
  };
}

/** Outside of these bounds HTTP/2 stalls, or the server closes the connection, which Node throws into the void. */
function receiveWindowBytes({ receiveWindowBytes = MIB }: NonNullable<ClientOptions["limits"]>): number {
  const isWindow = Number.isInteger(receiveWindowBytes) && receiveWindowBytes <= MAX_WINDOW_BYTES;
  if (isWindow && receiveWindowBytes >= MIN_WINDOW_BYTES) return receiveWindowBytes;
  const range = `${String(MIN_WINDOW_BYTES)} to ${String(MAX_WINDOW_BYTES)}`;
  throw new RangeError(`option 'limits.receiveWindowBytes' is ${String(receiveWindowBytes)}, not ${range}`);
}

function keepAliveOptions(keepAlive: ClientOptions["keepAlive"] = {}): ChannelOptions {
  if (keepAlive === false) return { "grpc.keepalive_time_ms": OFF_MS };
  return {
    "grpc.keepalive_time_ms": Math.min(keepAlive.intervalMs ?? 20_000, MAX_TIMER_MS),
    "grpc.keepalive_timeout_ms": Math.min(keepAlive.timeoutMs ?? 10_000, MAX_TIMER_MS),
    "grpc.keepalive_permit_without_calls": keepAlive.whileIdle === true ? 1 : 0,
  };
}

function tlsOptions({ tls }: Pick<ClientOptions, "tls">): TlsOptions {
  return typeof tls === "object" ? tls : {};
}

function pem(value: string | Uint8Array | undefined): Buffer | null {
  if (value === undefined) return null;
  return typeof value === "string" ? Buffer.from(value) : asBuffer(value);
}
