/** What statements may do. Imports only node: modules and what does so too. */
import { constants } from "node:sqlite";

import { QUERY_TABLES } from "../../ports/query-tables.js";

import { FUNCTION_PREFIX } from "./sqlite-query-functions.js";
import { ATTACHED } from "./sqlite-query-views.js";

/** Functions of SQLite that compute from their arguments and nothing else, and the time. */
const FUNCTIONS: ReadonlySet<string> = new Set(
  `abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count cume_dist
  current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor format glob
  group_concat hex if ifnull iif instr json json_array json_array_length json_error_position json_extract
  json_group_array json_group_object json_insert json_object json_patch json_pretty json_quote json_remove json_replace
  json_set json_type json_valid -> ->> julianday lag last_value lead length like likelihood likely ln log log10 log2
  lower ltrim max median min mod nth_value ntile nullif octet_length percent_rank percentile percentile_cont
  percentile_disc pi pow power printf quote radians random randomblob rank replace round row_number rtrim sign sin sinh
  sqrt strftime string_agg substr substring sum tan tanh time timediff total trim trunc typeof unhex unicode unistr
  unixepoch unlikely upper zeroblob`.split(/\s+/),
);

/** Tables that SQLite makes of an argument. */
const JSON_TABLES: ReadonlySet<string> = new Set(["json_each", "json_tree"]);

/** Tables that SQLite, as Node builds it, has from the start; besides those with names that begin with `sqlite_` or `pragma_`. */
const BUILT_IN: ReadonlySet<string> = new Set(["dbstat", "fts3tokenize"]);

const PUBLISHED: ReadonlySet<string> = new Set(Object.keys(QUERY_TABLES));
const FILES: ReadonlySet<string> = new Set(ATTACHED);

/** What SQLite asks before it does something: the kind of action, its objects, the database, and the view that wants it. */
export type Action = readonly [
  code: number,
  first: string | null,
  second: string | null,
  database: string | null,
  view: string | null,
];

/** Whether a statement may do what SQLite asks for. What is not known is not allowed. */
export function mayDo([code, first, second, database, view]: Action): boolean {
  switch (code) {
    case constants.SQLITE_SELECT:
    case constants.SQLITE_RECURSIVE:
      return true;
    case constants.SQLITE_READ:
      return mayRead((first ?? "").toLowerCase(), second ?? "", database ?? undefined, (view ?? "").toLowerCase());
    case constants.SQLITE_FUNCTION:
      return mayCall((second ?? "").toLowerCase(), (view ?? "").toLowerCase());
    default:
      return false;
  }
}

/**
 * That a view wants it is not proof that a view reads it: a common table expression that is called as a view looks the
 * same to SQLite. So statements are checked before against tables with nothing under them.
 */
function mayRead(table: string, column: string, database: string | undefined, view: string): boolean {
  if (database !== undefined && FILES.has(database)) return PUBLISHED.has(view);
  if (JSON_TABLES.has(table)) return true;
  if (PUBLISHED.has(table)) return database === "temp" || database === undefined;
  // A common table expression of which no column is read: its rows are counted.
  return column === "" && database === undefined && !BUILT_IN.has(table) && !/^(?:sqlite|pragma)_/.test(table);
}

function mayCall(name: string, view: string): boolean {
  return name.startsWith(FUNCTION_PREFIX) ? PUBLISHED.has(view) : FUNCTIONS.has(name);
}
