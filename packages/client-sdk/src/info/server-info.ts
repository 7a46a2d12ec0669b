import { InfoServiceDefinition, msOfDuration, toDate } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { Rpc } from "../rpc/rpc.js";

/** What a server says about itself. */
export interface ServerInfo {
  /** Semantic version. */
  readonly serverVersion: string;
  /** `embedded` or `distributed`. */
  readonly profile: string;
  /** Optional features that are on, such as `files.parallel`. */
  readonly features: readonly string[];
  /** `undefined`: none. */
  readonly limits: {
    /** Of a message. */
    readonly maxMessageBytes: number | undefined;
    /** Of the content of one file chunk. */
    readonly maxChunkBytes: number | undefined;
    readonly maxFileBytes: number | undefined;
    /** Life of an upload session to which nothing is written. */
    readonly uploadTtlMs: number | undefined;
    /** Smallest part of a parallel upload. */
    readonly minPartBytes: number | undefined;
    readonly maxEventBytes: number | undefined;
    /** Of the filter of a watch, in characters. */
    readonly maxFilterChars: number | undefined;
    readonly maxBatchItems: number | undefined;
    /** Series of metrics: samples of further ones are refused. */
    readonly maxMetricSeries: number | undefined;
    readonly maxChatMessageBytes: number | undefined;
    /** Of one user, in the long run. */
    readonly maxChatMessagesPerSecond: number | undefined;
  };
  /** The server's clock. */
  readonly serverTime: Date | undefined;
  /** Changes with the data directory or cluster. */
  readonly clusterId: string;
  /** Who the server takes the caller for; empty for an anonymous one. */
  readonly caller: string;
}

/** Asks a server about itself. */
export async function getServerInfo(rpc: Rpc, options?: CallOptions): Promise<ServerInfo> {
  const { getServerInfo: method } = InfoServiceDefinition.methods;
  const response = await rpc.unary(InfoServiceDefinition, method, {}, options);
  const { serverVersion, profile, features, limits, serverTime, clusterId, caller } = response;
  return {
    serverVersion,
    profile,
    features,
    limits: {
      maxMessageBytes: orNone(limits?.maxMessageBytes),
      maxChunkBytes: orNone(limits?.maxChunkBytes),
      maxFileBytes: orNone(limits?.maxFileBytes),
      uploadTtlMs: limits?.uploadTtl && orNone(msOfDuration(limits.uploadTtl)),
      minPartBytes: orNone(limits?.minPartBytes),
      maxEventBytes: orNone(limits?.maxEventBytes),
      maxFilterChars: orNone(limits?.maxFilterChars),
      maxBatchItems: orNone(limits?.maxBatchItems),
      maxMetricSeries: orNone(limits?.maxMetricSeries),
      maxChatMessageBytes: orNone(limits?.maxChatMessageBytes),
      maxChatMessagesPerSecond: orNone(limits?.maxChatMessagesPerSecond),
    },
    serverTime: serverTime && toDate(serverTime),
    clusterId,
    caller,
  };
}

/** On the wire 0 means that there is no limit. */
function orNone(limit: number | undefined): number | undefined {
  return limit === 0 ? undefined : limit;
}
