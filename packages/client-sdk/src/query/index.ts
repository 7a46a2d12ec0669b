export type { QueryApi, QuerySession } from "./query-api.js";
export type {
  ExecuteQueryOptions,
  JsonValue,
  QueryCell,
  QueryColumn,
  QueryColumnType,
  QueryOptions,
  QueryParameter,
  QueryProgress,
  QueryResult,
  QueryRow,
  QuerySessionOptions,
  QueryStats,
  QueryTable,
  RunningQuery,
} from "./types.js";
