import { ServiceError } from "@millrace/shared-types";

/** @throws ServiceError `LIMIT_EXCEEDED` about `field` if `actual` is above `max`, which is called `limit` */
export function checkLimit(field: string, limit: string, max: number, actual: number): void {
  if (actual <= max) return;
  const description = `${limit} is ${String(max)}, not ${String(actual)}`;
  throw new ServiceError("LIMIT_EXCEEDED", `${field}: ${description}`, {
    metadata: { limit, max, actual },
    fieldViolations: [{ field, description }],
  });
}

/** {@link checkLimit} of the bytes of a text. */
export function checkBytes(field: string, limit: string, max: number, text: string): void {
  checkLimit(field, limit, max, Buffer.byteLength(text));
}
