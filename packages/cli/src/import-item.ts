import type { DataItem, OutgoingItem } from "@millrace/client-sdk";

import { isJsonType } from "./item-output.js";
import { jsonMembers } from "./json-members.js";
import type { NumberedLine } from "./numbered-lines.js";

const JSON_TYPE = "application/json";

/** What a line of NDJSON may have. The id is the server's. */
const MEMBERS: ReadonlySet<string> = new Set(["id", "key", "data", "dataBase64", "contentType", "attributes"]);

/** An item that knows where it comes from. */
export class ImportItem implements OutgoingItem {
  readonly key: string;
  readonly data: Uint8Array | string;
  readonly contentType: string;
  readonly attributes: DataItem["attributes"];
  readonly #line: number;

  constructor(line: number, item: Required<Pick<OutgoingItem, "key" | "data" | "contentType" | "attributes">>) {
    this.key = item.key;
    this.data = item.data;
    this.contentType = item.contentType;
    this.attributes = item.attributes;
    this.#line = line;
  }

  /** Number of its line in the file. */
  get line(): number {
    return this.#line;
  }
}

/**
 * The item of a line of NDJSON: an object with `key` and `data`, as `itemLine` makes it.
 *
 * @throws {Error} saying what is wrong with it
 */
export function itemOfJson({ line, text }: NumberedLine): ImportItem {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("not an object");
  const members = value as Readonly<Record<string, unknown>>;
  const stray = Object.keys(members).find((name) => !MEMBERS.has(name));
  if (stray !== undefined) throw new Error(`unknown member ${JSON.stringify(stray)}`);
  const { key, attributes = {}, contentType } = members;
  if (typeof key !== "string" || key === "") throw new Error('"key" is not a text of one character at least');
  if (contentType !== undefined && typeof contentType !== "string") throw new Error('"contentType" is not a text');
  if (!isTexts(attributes)) throw new Error('"attributes" is not an object of texts');
  return new ImportItem(line, { key, attributes, ...contentOf(members, text, contentType) });
}

/** Of a line without a content type, `data` is JSON; bytes have none then. */
function contentOf(
  { data, dataBase64 }: Readonly<Record<string, unknown>>,
  text: string,
  contentType: string | undefined,
): { readonly data: Uint8Array | string; readonly contentType: string } {
  if ((data === undefined) === (dataBase64 === undefined)) throw new Error('neither "data" nor "dataBase64", or both');
  if (dataBase64 !== undefined) return { data: bytesOf(dataBase64), contentType: contentType ?? "" };
  if (contentType === undefined || isJsonType(contentType)) {
    return { data: jsonMembers(text).get("data") ?? "", contentType: contentType ?? JSON_TYPE };
  }
  if (typeof data === "string") return { data, contentType };
  throw new Error(`"data" is not a text, but its type is ${JSON.stringify(contentType)}`);
}

function bytesOf(base64: unknown): Uint8Array {
  const bytes = Buffer.from(typeof base64 === "string" ? base64 : "", "base64");
  if (bytes.toString("base64") !== base64) throw new Error('"dataBase64" is not base64');
  return bytes;
}

function isTexts(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((each) => typeof each === "string");
}

/**
 * The item of a record of CSV: `data` is what the column of that name holds, as JSON if it is some and else as a JSON text.
 * Without such a column it is an object with all columns but the key. Bytes are in `dataBase64`.
 *
 * @throws {Error} saying what is wrong with it
 */
export function itemOfCsv(line: number, columns: readonly string[], fields: readonly string[]): ImportItem {
  if (fields.length !== columns.length) {
    throw new Error(`${String(fields.length)} fields, not ${String(columns.length)}`);
  }
  const row = new Map(columns.map((column, index) => [column, fields[index] ?? ""]));
  const key = row.get("key") ?? "";
  if (key === "") throw new Error("the key is empty");
  const base64 = row.get("dataBase64") ?? "";
  if (base64 !== "") return new ImportItem(line, { key, data: bytesOf(base64), contentType: "", attributes: {} });
  return new ImportItem(line, { key, data: jsonOfRow(row), contentType: JSON_TYPE, attributes: {} });
}

function jsonOfRow(row: ReadonlyMap<string, string>): string {
  const data = row.get("data");
  if (data !== undefined) return isJson(data) ? data : JSON.stringify(data);
  return JSON.stringify(Object.fromEntries([...row].filter(([column]) => column !== "key")));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
