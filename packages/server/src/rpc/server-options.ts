import { DEFAULT_LIMITS } from "@millrace/shared-types";

import { type Clock, systemClock } from "../ports/clock.js";
import type { Authenticate } from "./authenticate.js";
import type { BoundService } from "./bind-service.js";
import type { CallTimeouts } from "./live-call.js";
import { type Logger, silentLogger } from "./logger.js";
import { checkedNumber, checkNames, type NumberRanges, OptionError, resolveNumbers } from "./number-options.js";
import type { TlsOptions } from "./server-credentials.js";

/** Bounds on what clients can make the server hold. */
export interface ServerLimits {
  /** Largest message in either direction, in bytes, also after decompression. A larger one is RESOURCE_EXHAUSTED. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** Calls at a time on one connection. Default 100. */
  readonly maxStreamsPerConnection?: number;
  /** Open connections; more are closed at once. Default 10_000. */
  readonly maxConnections?: number;
  /** Open connections from one address. Default 10_000: clients behind a proxy share one. */
  readonly maxConnectionsPerAddress?: number;
  /** Headers of one request, in bytes as HTTP/2 counts them. Default 16 KiB. */
  readonly maxHeaderBytes?: number;
  /** HTTP/2 receive window of a stream and of a connection, in bytes: what an upload can have on its way. Default 1 MiB. */
  readonly receiveWindowBytes?: number;
  /** Memory of one HTTP/2 session, in MB, beyond which it gets no new streams. Default 32. */
  readonly sessionMemoryMb?: number;
}

/** Times in milliseconds. */
export interface ServerTimeouts {
  /** Longest wait for the next request of a call whose handler asks for one; then STREAM_IDLE. 0: none. Default 60_000. Not for bidirectional streams. */
  readonly idleMs?: number;
  /** The same for bidirectional streams, whose clients may have nothing to say. Default 0: none; keepalive finds dead peers. */
  readonly bidiIdleMs?: number;
  /** Longest wait for a client to take any response; then STREAM_STALLED. 0: none. Default 60_000. */
  readonly writeStallMs?: number;
  /** Longest wait for `authenticate`. Default 10_000. */
  readonly authenticateMs?: number;
  /** How long `drain` lets unary calls go on. Default 10_000. */
  readonly drainGraceMs?: number;
  /** How long the end of a call waits for a handler that does not heed its signal. Default 5_000. */
  readonly handlerStopMs?: number;
  /** How long a finished call waits for the client to take the rest and to stop sending, before it is reset. Default 5_000. */
  readonly lingerMs?: number;
  /** Longest wait for a new connection to speak HTTP/2. Default 10_000. */
  readonly handshakeMs?: number;
  /** Between pings that find dead connections. Default 30_000. */
  readonly keepaliveIntervalMs?: number;
  /** Longest wait for the answer to a ping. Default 10_000. */
  readonly keepaliveTimeoutMs?: number;
  /** A connection without calls is closed after this. Default 300_000. */
  readonly connectionIdleMs?: number;
  /** A connection is asked to close after this (±10 %), so that clients spread over servers. Default 1_800_000. */
  readonly connectionAgeMs?: number;
  /** … and cut this much later. Default 300_000. */
  readonly connectionAgeGraceMs?: number;
}

export interface ServerOptions {
  /** Name or address to listen on. Default `127.0.0.1`. Any other than a loopback address needs `tls` and `authenticate` (or `tls.clientCa`), or `insecure`. */
  readonly host?: string;
  /** 0 takes any free one; see `RunningServer.port`. Default 50_051. */
  readonly port?: number;
  /** Default: plaintext. */
  readonly tls?: TlsOptions;
  /** Allows plaintext and anonymous callers on an address that others can reach. Default false. */
  readonly insecure?: boolean;
  /** What the server serves, besides `grpc.health.v1.Health`. Made by `service`, `partialService` or `grpcJsService`. */
  readonly services?: readonly BoundService[];
  /** Finds out who calls. Default: everybody is anonymous. */
  readonly authenticate?: Authenticate;
  readonly limits?: ServerLimits;
  readonly timeouts?: ServerTimeouts;
  /** Times of single RPCs, by path (`/package.Service/Method`), in place of those of `timeouts`. */
  readonly methodTimeouts?: Readonly<Record<string, Partial<CallTimeouts>>>;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Called once, after the last call has ended and before `close` resolves: gives back what handlers used. */
  readonly onClosed?: () => Promise<void>;
}

/** {@link ServerOptions} with every default filled in. */
export interface ResolvedOptions extends Omit<ServerOptions, "limits" | "timeouts"> {
  readonly host: string;
  readonly port: number;
  readonly services: readonly BoundService[];
  readonly limits: Required<ServerLimits>;
  readonly timeouts: Required<ServerTimeouts>;
  readonly methodTimeouts: Readonly<Record<string, Partial<CallTimeouts>>>;
  readonly logger: Logger;
  readonly clock: Clock;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The port that `createServer` and the command line take unless told otherwise. */
export const DEFAULT_PORT = 50_051;

const PORT = { default: DEFAULT_PORT, min: 0, max: 65_535 };

const LIMITS: NumberRanges<ServerLimits> = {
  maxMessageBytes: { default: DEFAULT_LIMITS.maxMessageBytes, min: KIB, max: 64 * MIB },
  maxStreamsPerConnection: { default: 100, min: 1, max: 1_000_000 },
  maxConnections: { default: 10_000, min: 1, max: 1_000_000 },
  maxConnectionsPerAddress: { default: 10_000, min: 1, max: 1_000_000 },
  maxHeaderBytes: { default: 16 * KIB, min: KIB, max: MIB },
  receiveWindowBytes: { default: MIB, min: 65_535, max: 64 * MIB },
  sessionMemoryMb: { default: 32, min: 1, max: 4_096 },
};

const CALL_TIMEOUTS: NumberRanges<CallTimeouts> = {
  idleMs: { default: 60_000, min: 0, max: DAY_MS },
  writeStallMs: { default: 60_000, min: 0, max: DAY_MS },
};

const TIMEOUTS: NumberRanges<ServerTimeouts> = {
  ...CALL_TIMEOUTS,
  bidiIdleMs: { default: 0, min: 0, max: DAY_MS },
  authenticateMs: { default: 10_000, min: 1, max: HOUR_MS },
  drainGraceMs: { default: 10_000, min: 0, max: HOUR_MS },
  handlerStopMs: { default: 5_000, min: 1, max: HOUR_MS },
  lingerMs: { default: 5_000, min: 1, max: HOUR_MS },
  handshakeMs: { default: 10_000, min: 1, max: HOUR_MS },
  keepaliveIntervalMs: { default: 30_000, min: 100, max: DAY_MS },
  keepaliveTimeoutMs: { default: 10_000, min: 100, max: HOUR_MS },
  connectionIdleMs: { default: 300_000, min: 100, max: DAY_MS },
  connectionAgeMs: { default: HOUR_MS / 2, min: 100, max: 7 * DAY_MS },
  connectionAgeGraceMs: { default: 300_000, min: 100, max: DAY_MS },
};

/** Keys of {@link ServerOptions}. */
export const SERVER_OPTION_NAMES: readonly (keyof ServerOptions)[] = [
  "host",
  "port",
  "tls",
  "insecure",
  "services",
  "authenticate",
  "limits",
  "timeouts",
  "methodTimeouts",
  "logger",
  "clock",
  "onClosed",
];

/** @throws {OptionError} naming the option that is unknown, out of range or unsafe */
export function resolveOptions(options: ServerOptions): ResolvedOptions {
  checkNames("option", options, SERVER_OPTION_NAMES);
  const {
    host = "127.0.0.1",
    port,
    services = [],
    methodTimeouts = {},
    logger = silentLogger,
    clock = systemClock,
  } = options;
  const resolved: ResolvedOptions = {
    ...options,
    host,
    port: checkedNumber("port", port ?? DEFAULT_PORT, PORT),
    services,
    limits: resolveNumbers("limits", options.limits, LIMITS),
    timeouts: resolveNumbers("timeouts", options.timeouts, TIMEOUTS),
    methodTimeouts,
    logger,
    clock,
  };
  checkExposure(resolved);
  checkMethodTimeouts(resolved);
  return resolved;
}

/** What others can reach is encrypted and asks who calls, unless somebody said in so many words that it need not. */
function checkExposure({ host, tls, authenticate, insecure = false }: ResolvedOptions): void {
  if (insecure || isLoopback(host)) return;
  const isAsked = authenticate !== undefined || tls?.clientCa !== undefined;
  const missing = [...(tls === undefined ? ["tls"] : []), ...(isAsked ? [] : ["authenticate"])];
  if (missing.length === 0) return;
  throw new OptionError(
    `host ${host} can be reached by others: give ${missing.join(" and ")}, or insecure: true (--insecure) to serve it without`,
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function checkMethodTimeouts({ services, methodTimeouts }: ResolvedOptions): void {
  const paths = services.flatMap(({ methods }) => methods.map(({ path }) => path));
  checkNames("method in methodTimeouts", methodTimeouts, paths);
  for (const [path, timeouts] of Object.entries(methodTimeouts)) {
    resolveNumbers(`methodTimeouts["${path}"]`, timeouts as CallTimeouts, CALL_TIMEOUTS);
  }
}
