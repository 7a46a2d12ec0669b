import type { ListProcessorsRequest, ListProcessorsResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { isAtomic } from "./atomic-processor.js";
import type { BatchDeps } from "./batch-deps.js";

export async function listProcessors(
  _request: ListProcessorsRequest,
  _context: CallContext,
  { processors }: BatchDeps,
): Promise<ListProcessorsResponse> {
  const described = [...processors].map(([name, processor]) => {
    const { description, idempotent } = processor;
    return { name, description, supportsAtomic: isAtomic(processor), idempotent };
  });
  return { processors: described.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}
