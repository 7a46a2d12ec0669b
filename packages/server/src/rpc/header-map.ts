import { Metadata } from "@grpc/grpc-js";

import type { HeaderMap } from "./call-context.js";

/** Headers as a handler sees them; of a header that came several times, the first. */
export function headersOf(metadata: Metadata): HeaderMap {
  return metadata.getMap();
}

/**
 * Headers or trailers as grpc-js wants them.
 *
 * @throws {Error} if a name or value is not valid in HTTP/2
 */
export function toMetadata(headers: HeaderMap): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) {
    metadata.set(name, typeof value === "string" ? value : Buffer.from(value));
  }
  return metadata;
}
