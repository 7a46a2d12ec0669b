import type { ListTablesRequest, ListTablesResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { QueryDeps } from "./query-deps.js";
import { engineOf } from "./query-plan.js";
import { toWireColumns } from "./row-format.js";

/** Lists what queries can read. @throws ServiceError `FEATURE_DISABLED` */
export async function listTables(
  _request: ListTablesRequest,
  _context: CallContext,
  deps: QueryDeps,
): Promise<ListTablesResponse> {
  const tables = engineOf(deps).tables.map(({ name, description, columns }) => ({
    name,
    description,
    schema: { columns: toWireColumns(columns), parameterCount: 0 },
  }));
  return Promise.resolve({ tables });
}
