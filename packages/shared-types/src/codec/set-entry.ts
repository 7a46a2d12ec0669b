/** Adds an entry of a map, as the wire has it. */
export function setEntry(
  map: Map<string, string>,
  { key, value }: { readonly key: string; readonly value: string },
): void {
  map.set(key, value);
}
