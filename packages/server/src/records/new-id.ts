import { randomBytes } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** A random identifier of 32 characters, a to z and 2 to 7: 160 bits, so it can be a secret too. */
export function newId(): string {
  let id = "";
  // 5 bits of each byte: uniform, as 256 is a multiple of 32.
  for (const byte of randomBytes(32)) id += ALPHABET[byte % 32] ?? "";
  return id;
}
