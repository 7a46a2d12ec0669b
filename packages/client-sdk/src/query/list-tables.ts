import { QueryServiceDefinition } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import { checkCall } from "./check-query-options.js";
import type { QueryDeps } from "./query-api.js";
import { toColumns } from "./query-value.js";
import type { QueryTable } from "./types.js";

/** What statements can read. See {@link QueryApi.tables}. */
export async function listTables({ rpc }: QueryDeps, options: CallOptions = {}): Promise<readonly QueryTable[]> {
  checkCall(options);
  const { listTables: method } = QueryServiceDefinition.methods;
  const { tables } = await rpc.unary(QueryServiceDefinition, method, {}, options);
  return tables.map(({ name, description, schema }) => ({
    name,
    description,
    columns: toColumns(schema?.columns ?? []),
  }));
}
