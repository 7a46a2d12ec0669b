import type { CallContext } from "../rpc/call-context.js";

import type { Asker } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";

/** Who makes a call, and when: what belongs to others, or to the past, is not found. */
export function askerOf({ principal }: CallContext, { clock }: Pick<FilesDeps, "clock">): Asker {
  return { owner: principal.id, nowMs: clock.now() };
}
