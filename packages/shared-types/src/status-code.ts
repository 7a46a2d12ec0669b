/**
 * The gRPC status codes, by name. Source: https://grpc.io/docs/guides/status-codes/.
 * Kept here so that only the `rpc/` folders need a gRPC library.
 */
export const StatusCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type StatusCodeName = keyof typeof StatusCode;
export type StatusCode = (typeof StatusCode)[StatusCodeName];

const NAMES = new Map<number, StatusCodeName>(
  Object.entries(StatusCode).map(([name, code]) => [code, name as StatusCodeName]),
);

/** Name of a status code; `UNKNOWN` for a number that is none. */
export function statusCodeName(code: number): StatusCodeName {
  return NAMES.get(code) ?? "UNKNOWN";
}
