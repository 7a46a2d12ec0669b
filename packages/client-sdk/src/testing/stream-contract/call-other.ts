import type { MethodKind } from "@millrace/shared-types";

import type { ContractStage } from "./harness.js";
import { item } from "./items.js";

/** A round trip on the same connection, by a call of another kind than the one that is tried. */
export async function callOther(kind: MethodKind, { client }: ContractStage): Promise<void> {
  await (kind === "unary" ? client.clientStream([item(1)]) : client.unary({ n: 1 }));
}
