import { execute } from "./execute.js";
import type { QueryDeps } from "./query-api.js";
import type { ExecuteQueryOptions, QueryColumn } from "./types.js";

/** The columns of a statement that is not run. See {@link QueryApi.describe}. */
export async function describe(
  deps: QueryDeps,
  sql: string,
  options: Pick<ExecuteQueryOptions, "params" | "signal" | "headers" | "resume"> = {},
): Promise<readonly QueryColumn[]> {
  const result = execute(deps, sql, options, true);
  await result;
  return result.columns;
}
