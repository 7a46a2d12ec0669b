import { ServiceError } from "@millrace/shared-types";

/** INVALID_ARGUMENT about a filter. `position` is the character, from 0, at which it goes wrong. */
export function invalidFilter(position: number, detail: string): ServiceError {
  const description = `${detail} (at character ${String(position)})`;
  return new ServiceError("INVALID_FILTER", `filter: ${description}`, {
    metadata: { position, detail },
    fieldViolations: [{ field: "filter", description }],
  });
}
