import { Metadata } from "@grpc/grpc-js";

import type { HeaderMap } from "./transport.js";

/**
 * Headers as grpc-js sends them.
 *
 * @throws {TypeError} if a name or a value cannot be sent
 */
export function toMetadata(headers: HeaderMap): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) {
    try {
      metadata.set(name, typeof value === "string" ? value : asBuffer(value));
    } catch {
      // Its own error has the value in it, which may be a secret.
      throw new TypeError(`header '${name}' has a name or a value that cannot be sent`);
    }
  }
  return metadata;
}

/** Headers as grpc-js received them. Of a binary value that came several times the first counts. */
export function fromMetadata(metadata: Metadata): HeaderMap {
  const names = Object.keys(metadata.getMap());
  return Object.fromEntries(names.map((name) => [name, valueOf(metadata, name)]));
}

function valueOf(metadata: Metadata, name: string): string | Uint8Array {
  const values = metadata.get(name);
  const [first = ""] = values;
  return typeof first === "string" ? values.join(", ") : first;
}

/** The same bytes for an interface that wants a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
