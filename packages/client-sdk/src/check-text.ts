/**
 * Refuses what would be stored as another text: UTF-8 has no half of a surrogate pair, so that encoders write U+FFFD
 * instead, and two names become one.
 *
 * @param name as it is told
 * @throws {TypeError} if it is that, or no text at all
 */
export function checkText(name: string, text: unknown): void {
  if (typeof text !== "string") throw new TypeError(`${name} is no text`);
  if (!text.isWellFormed()) throw new TypeError(`${name} is no Unicode: it has half a surrogate pair`);
}

/** Refuses those members that {@link checkText} refuses. */
export function checkTexts(texts: Readonly<Record<string, unknown>>): void {
  for (const name in texts) if (texts[name] !== undefined) checkText(`'${name}'`, texts[name]);
}

/** Refuses those entries of each list that {@link checkText} refuses. */
export function checkTextLists(lists: Readonly<Record<string, readonly unknown[] | undefined>>): void {
  for (const [name, list = []] of Object.entries(lists)) {
    for (const [index, text] of list.entries()) checkText(`'${name}[${String(index)}]'`, text);
  }
}

/** Refuses names and values that {@link checkText} refuses. */
export function checkTextMap(noun: "attribute" | "metadata", map: Readonly<Record<string, unknown>> = {}): void {
  for (const name in map) {
    checkText(noun === "attribute" ? "the name of an attribute" : "a name in 'metadata'", name);
    checkText(`${noun} ${JSON.stringify(name)}`, map[name]);
  }
}
