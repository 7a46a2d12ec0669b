/** The same bytes, for reading and writing numbers. Imports nothing: threads that run from source use it, too. */
export function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
