interface Version {
  readonly content: Uint8Array;
}

/** A document's versions as a text that is equal for equal ones. */
export function versionsOf({ content, siblings }: Version & { readonly siblings: readonly Version[] }): string {
  const texts = [content, ...siblings.map((sibling) => sibling.content)].map((bytes) => Buffer.from(bytes).toString());
  return texts.join(" | ");
}
