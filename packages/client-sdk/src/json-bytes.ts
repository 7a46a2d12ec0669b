/**
 * A value as JSON text, in UTF-8.
 *
 * @throws {TypeError} for what is no value in JSON: a function, a symbol, `undefined`
 */
export function jsonBytes(json: unknown): Uint8Array {
  const text = JSON.stringify(json) as string | undefined;
  if (text === undefined) throw notJson(json);
  return Buffer.from(text);
}

/**
 * Refuses a `json` that is there and `undefined`, in place of storing nothing, unless there is other content.
 *
 * @param content what may be there in place of `json`
 * @throws {TypeError} if there is neither
 */
export function checkJson(owner: { readonly json?: unknown }, content: unknown): void {
  if (content === undefined && owner.json === undefined && "json" in owner) throw notJson(undefined);
}

function notJson(json: unknown): TypeError {
  return new TypeError(`json is ${typeof json}, not a JSON value`);
}
