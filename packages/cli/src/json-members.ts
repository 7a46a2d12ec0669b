const QUOTE = '"';

/**
 * The members of a JSON object as their texts: values that no number of JavaScript can hold stay what they are.
 * The last one of a name counts, as with `JSON.parse`.
 *
 * @param text an object, valid JSON
 */
export function jsonMembers(text: string): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  let position = text.indexOf("{") + 1;
  for (;;) {
    const nameStart = text.indexOf(QUOTE, position);
    if (nameStart < 0) return members;
    const nameEnd = endOfString(text, nameStart);
    const valueStart = text.indexOf(":", nameEnd) + 1;
    const valueEnd = endOfValue(text, valueStart);
    members.set(JSON.parse(text.slice(nameStart, nameEnd)) as string, text.slice(valueStart, valueEnd).trim());
    position = valueEnd;
  }
}

/** Where the string ends that begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf(QUOTE, start + 1);
  while (isEscaped(text, end)) end = text.indexOf(QUOTE, end + 1);
  return end + 1;
}

function isEscaped(text: string, position: number): boolean {
  let backslashes = 0;
  while (text[position - 1 - backslashes] === "\\") backslashes++;
  return backslashes % 2 === 1;
}

/** Where the comma or brace is that follows the value that begins at `start`. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let position = start; ;) {
    const character = text[position];
    if (character === QUOTE) {
      position = endOfString(text, position);
      continue;
    }
    if (depth === 0 && (character === "," || character === "}")) return position;
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    position++;
  }
}
