import { HealthCheckResponse_ServingStatus as Wire, HealthDefinition } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { Rpc } from "../rpc/rpc.js";

/** Whether a service takes calls. */
export type ServingStatus = "serving" | "not-serving" | "unknown";

/**
 * Asks the server's health service, once.
 *
 * @param service full name such as `streaming.v1.FileService`; empty: the server as a whole
 * @throws {StreamingError} NOT_FOUND if the server does not know the service
 */
export async function checkHealth(rpc: Rpc, service: string, options?: CallOptions): Promise<ServingStatus> {
  const { check } = HealthDefinition.methods;
  const { status } = await rpc.unary(HealthDefinition, check, { service }, options);
  if (status === Wire.SERVING) return "serving";
  return status === Wire.NOT_SERVING ? "not-serving" : "unknown";
}
