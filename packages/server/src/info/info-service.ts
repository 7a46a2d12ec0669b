import {
  durationOfMs,
  InfoServiceDefinition,
  type Limits,
  type ServerLimits,
  timestampOfMs,
} from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";
import { type BoundService, service } from "../rpc/bind-service.js";
import { SERVER_VERSION } from "./server-version.js";

/** What a server says about itself. */
export interface InfoDeps {
  /** Names the data: changes with the data directory. */
  readonly clusterId: string;
  /** Optional features that are on, such as `files.parallel`. */
  readonly features: readonly string[];
  readonly limits: Limits;
  readonly clock: Clock;
}

/** streaming.v1.InfoService over `deps`. */
export function infoService({ clusterId, features, limits, clock }: InfoDeps): BoundService {
  return service(InfoServiceDefinition, {
    getServerInfo: async (_request, { principal }) =>
      Promise.resolve({
        serverVersion: SERVER_VERSION,
        profile: "embedded",
        features: [...features],
        limits: toWireLimits(limits),
        serverTime: timestampOfMs(clock.now()),
        clusterId,
        caller: principal.id,
      }),
  });
}

function toWireLimits({ uploadTtlMs, ...limits }: Limits): ServerLimits {
  return { ...limits, uploadTtl: durationOfMs(uploadTtlMs) };
}
