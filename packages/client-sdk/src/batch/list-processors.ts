import { BatchServiceDefinition } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { BatchDeps } from "./batch-api.js";
import { checkCall } from "./check-batch-options.js";
import type { ProcessorInfo } from "./types.js";

/** What the server can run. See {@link BatchApi.processors}. */
export async function listProcessors({ rpc }: BatchDeps, options: CallOptions = {}): Promise<readonly ProcessorInfo[]> {
  checkCall(options);
  const { listProcessors: method } = BatchServiceDefinition.methods;
  const { processors } = await rpc.unary(BatchServiceDefinition, method, {}, options);
  return processors.map(({ name, description, supportsAtomic, idempotent }) => {
    return { name, description, supportsAtomic, idempotent };
  });
}
