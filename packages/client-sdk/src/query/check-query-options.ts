import { CALL_NAMES, RESUME_NAMES } from "../check-options.js";
import { checkNames, type NamesOf } from "../option-names.js";
import type { CallOptions } from "../options.js";
import type { ExecuteQueryOptions, QueryOptions, QuerySessionOptions } from "./types.js";

const QUERY: NamesOf<QueryOptions> = {
  params: "any",
  signal: "any",
  maxRows: "number",
  timeoutMs: "number",
  onProgress: "any",
  progressMs: "number",
};

const EXECUTE: NamesOf<ExecuteQueryOptions> = { ...QUERY, headers: "any", resume: RESUME_NAMES };

const SESSION: NamesOf<QuerySessionOptions> = { headers: "any", maxBufferedBytes: "number", resume: RESUME_NAMES };

export function checkQueryOptions(options: QueryOptions): void {
  checkNames(options, QUERY);
}

export function checkExecuteOptions(options: ExecuteQueryOptions): void {
  checkNames(options, EXECUTE);
}

export function checkSessionOptions(options: QuerySessionOptions): void {
  checkNames(options, SESSION);
  const { maxBufferedBytes } = options;
  if (maxBufferedBytes !== undefined && !(Number.isSafeInteger(maxBufferedBytes) && maxBufferedBytes >= 1)) {
    throw new RangeError(`option 'maxBufferedBytes' is ${String(maxBufferedBytes)}, not a positive integer`);
  }
}

export function checkCall(options: CallOptions): void {
  checkNames(options, CALL_NAMES);
}
