import { MAX_FILENAME_BYTES, ServiceError } from "@millrace/shared-types";

/**
 * Checks a file name: 1 to 1024 bytes of UTF-8, segments separated by "/", none of them empty, "."
 * or "..", no backslash, no control character. Names are only ever metadata, never part of a path;
 * the rules protect the clients that make paths of them.
 *
 * @throws ServiceError `UNSAFE_FILENAME` about `field`
 */
export function checkFileName(field: string, name: string): void {
  const description = flawOf(name);
  if (description === undefined) return;
  throw new ServiceError("UNSAFE_FILENAME", `${field}: ${description}`, { fieldViolations: [{ field, description }] });
}

function flawOf(name: string): string | undefined {
  if (name === "") return "must not be empty";
  if (/\p{Cs}/u.test(name)) return "must be valid Unicode";
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_FILENAME_BYTES)
    return `has ${String(bytes)} bytes, at most ${String(MAX_FILENAME_BYTES)} are allowed`;
  if (/[\p{Cc}\\]/u.test(name)) return "must not contain control characters or backslashes";
  if (name.startsWith("/")) return 'must not start with "/"';
  const segment = name.split("/").find((part) => part === "" || part === "." || part === "..");
  return segment === undefined ? undefined : `must not contain the segment ${JSON.stringify(segment)}`;
}
