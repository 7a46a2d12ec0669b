import type { BatchItem } from "@millrace/client-sdk";

import { checkUnicode } from "./check-unicode.js";
import { isJsonType } from "./item-output.js";
import { jsonMembers } from "./json-members.js";
import type { NumberedLine } from "./numbered-lines.js";

const JSON_TYPE = "application/json";

const TEXTS = ["id", "operation", "idempotencyKey", "orderingKey", "contentType"] as const;

/** What a line may have. */
const MEMBERS: ReadonlySet<string> = new Set([...TEXTS, "payload", "payloadBase64", "attributes"]);

/** An item that knows where it comes from. */
export interface LineItem extends BatchItem {
  /** Number of its line in the file. */
  readonly line: number;
}

/** The item whose payload is the line. */
export function itemOfText({ line, text }: NumberedLine): LineItem {
  return { line, payload: text };
}

/**
 * The item of a line of NDJSON: an object with any of `payload` (or `payloadBase64`), `id`, `idempotencyKey`,
 * `orderingKey`, `attributes`, `contentType` and `operation`.
 *
 * @throws {Error} saying what is wrong with it
 */
export function batchItemOfJson({ line, text }: NumberedLine): LineItem {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("not an object");
  const members = value as Readonly<Record<string, unknown>>;
  const stray = Object.keys(members).find((name) => !MEMBERS.has(name));
  if (stray !== undefined) throw new Error(`unknown member ${JSON.stringify(stray)}`);
  const texts = textsOf(members);
  return { line, ...texts, ...payloadOf(members, text, texts.contentType), ...attributesOf(members) };
}

function textsOf(members: Readonly<Record<string, unknown>>): Partial<Record<(typeof TEXTS)[number], string>> {
  const texts: Partial<Record<(typeof TEXTS)[number], string>> = {};
  for (const name of TEXTS) {
    const value = members[name];
    if (value === undefined) continue;
    if (typeof value !== "string") throw new Error(`"${name}" is not a text`);
    checkUnicode({ [name]: value });
    texts[name] = value;
  }
  return texts;
}

/** Without a content type `payload` is JSON, as it is written; of another type it is a text. */
function payloadOf(
  { payload, payloadBase64 }: Readonly<Record<string, unknown>>,
  text: string,
  contentType: string | undefined,
): Pick<BatchItem, "payload" | "contentType"> {
  if (payload !== undefined && payloadBase64 !== undefined) throw new Error('both "payload" and "payloadBase64"');
  if (payloadBase64 !== undefined) return { payload: bytesOf(payloadBase64) };
  if (payload === undefined) return {};
  if (contentType === undefined || isJsonType(contentType)) {
    return { payload: jsonMembers(text).get("payload") ?? "", contentType: contentType ?? JSON_TYPE };
  }
  checkUnicode({ payload });
  if (typeof payload === "string") return { payload };
  throw new Error(`"payload" is not a text, but its type is ${JSON.stringify(contentType)}`);
}

function bytesOf(base64: unknown): Uint8Array {
  const bytes = Buffer.from(typeof base64 === "string" ? base64 : "", "base64");
  if (bytes.toString("base64") !== base64) throw new Error('"payloadBase64" is not base64');
  return bytes;
}

function attributesOf({ attributes }: Readonly<Record<string, unknown>>): Pick<BatchItem, "attributes"> {
  if (attributes === undefined) return {};
  const isTexts =
    typeof attributes === "object" &&
    attributes !== null &&
    Object.values(attributes).every((value) => typeof value === "string");
  if (!isTexts) throw new Error('"attributes" is not an object of texts');
  checkUnicode({ attributes });
  return { attributes: attributes as Record<string, string> };
}
