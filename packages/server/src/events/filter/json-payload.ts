import { FAILED, type MapKey, type Outcome, type Value } from "./values.js";

/** JSON that filters read, at most: it takes about a millisecond to parse. */
export const MAX_JSON_BYTES: number = 256 * 1024;
export const MAX_JSON_VALUES = 2048;
export const MAX_JSON_DEPTH = 64;

const JSON_TYPE = /^(application\/json|[^/;]+\/[^;]+\+json)\s*(;|$)/i;

const UTF_8 = new TextDecoder("utf-8", { fatal: true });

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP] = Buffer.from('"\\,[]{}');

/** Whether a media type says that content is JSON. */
export function isJsonType(contentType: string): boolean {
  return JSON_TYPE.test(contentType);
}

/** The value of content whose type is JSON; {@link FAILED} if it is not, or beyond the limits. */
export function jsonPayload(contentType: string, payload: Uint8Array): Outcome {
  if (!isJsonType(contentType) || payload.length > MAX_JSON_BYTES || !isModest(payload)) return FAILED;
  try {
    return toValue(JSON.parse(UTF_8.decode(payload)));
  } catch {
    return FAILED;
  }
}

/** Whether the text is within the limits on values and depth, before it is parsed. Assumes that it is JSON. */
function isModest(text: Uint8Array): boolean {
  let depth = 0;
  let values = 1;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const byte = text[index];
    if (inString) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === COMMA) values++;
    else if (byte === OPEN_LIST || byte === OPEN_MAP) {
      depth++;
      values++;
    } else if (byte === CLOSE_LIST || byte === CLOSE_MAP) depth--;
    if (depth > MAX_JSON_DEPTH || values > MAX_JSON_VALUES) return false;
  }
  return true;
}

/** Maps instead of objects: no name of a field means anything but that field. */
function toValue(json: unknown): Value {
  if (typeof json !== "object" || json === null) return json as Value;
  if (Array.isArray(json)) return json.map(toValue);
  const map = new Map<MapKey, Value>();
  for (const key of Object.keys(json)) map.set(key, toValue(Reflect.get(json, key)));
  return map;
}
