import { invalidField, MAX_EVENT_NAME_BYTES } from "@millrace/shared-types";

import { checkBytes } from "./check-limit.js";

/** The stream of those who name none. */
const DEFAULT_STREAM = "default";

/**
 * The stream that a request means: 1 to 255 bytes of UTF-8 without control characters and `*`; empty means "default".
 * Names that begin with `$` belong to the server.
 *
 * @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` about `field`
 */
export function streamNameOf(field: string, name: string): string {
  if (name === "") return DEFAULT_STREAM;
  checkBytes(field, "max_event_name_bytes", MAX_EVENT_NAME_BYTES, name);
  if (name.startsWith("$")) throw invalidField(field, 'must not begin with "$": such streams belong to the server');
  if (/[\p{Cc}\p{Cs}*]/u.test(name)) throw invalidField(field, 'must not contain control characters or "*"');
  return name;
}
