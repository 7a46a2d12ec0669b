import type { DataItem, OutgoingItem } from "@millrace/client-sdk";

import { checkUnicode } from "./check-unicode.js";
import { isJson, isJsonType } from "./item-output.js";
import { jsonMembers } from "./json-members.js";
import type { NumberedLine } from "./numbered-lines.js";

const JSON_TYPE = "application/json";

/** What a line of NDJSON may have. The id is the server's. */
const MEMBERS: ReadonlySet<string> = new Set(["id", "key", "data", "dataBase64", "contentType", "name", "attributes"]);

/** An item that knows where it comes from. */
export class ImportItem implements OutgoingItem {
  readonly key: string;
  readonly name: string;
  readonly data: Uint8Array | string;
  readonly contentType: string;
  readonly attributes: DataItem["attributes"];
  readonly #line: number;

  constructor(line: number, item: Required<Omit<OutgoingItem, "id" | "json">>) {
    this.key = item.key;
    this.name = item.name;
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
  const { key, name = "", attributes = {}, contentType } = members;
  if (typeof key !== "string" || key === "") throw new Error('"key" is not a text of one character at least');
  if (typeof name !== "string") throw new Error('"name" is not a text');
  if (contentType !== undefined && typeof contentType !== "string") throw new Error('"contentType" is not a text');
  if (!isTexts(attributes)) throw new Error('"attributes" is not an object of texts');
  checkUnicode({ key, name, contentType, attributes });
  return new ImportItem(line, { key, name, attributes, ...contentOf(members, text, contentType) });
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
  checkUnicode({ data });
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

/** The columns of a file, as {@link itemRecord} writes them or as others do, with the fields of a record. */
type Row = ReadonlyMap<string, string>;

/**
 * The item of a record of CSV. Without a column `data` it is an object with all columns but the key; bytes are in
 * `dataBase64`. The columns `contentType`, `name` and `attributes` say more about content of its own column.
 *
 * @throws {Error} saying what is wrong with it
 */
export function itemOfCsv(line: number, columns: readonly string[], fields: readonly string[]): ImportItem {
  if (fields.length !== columns.length) {
    throw new Error(`${String(fields.length)} fields, not ${String(columns.length)}`);
  }
  const row: Row = new Map(columns.map((column, index) => [column, fields[index] ?? ""]));
  const key = row.get("key") ?? "";
  if (key === "") throw new Error("the key is empty");
  const content = contentOfRow(row);
  if (content === undefined) {
    return new ImportItem(line, { key, name: "", data: membersOf(row), contentType: JSON_TYPE, attributes: {} });
  }
  return new ImportItem(line, { key, name: row.get("name") ?? "", attributes: attributesOf(row), ...content });
}

/** What has a column of its own; `undefined` if each member has one. */
function contentOfRow(row: Row): Pick<ImportItem, "data" | "contentType"> | undefined {
  const [data, base64 = "", contentType] = [row.get("data"), row.get("dataBase64"), row.get("contentType")];
  if (base64 !== "") return { data: bytesOf(base64), contentType: contentType ?? "" };
  if (data === undefined) return undefined;
  // Where no column says what it is, all is JSON.
  if (contentType === undefined) return { data: jsonTextOf(data), contentType: JSON_TYPE };
  return { data: isJsonType(contentType) && data !== "" ? jsonTextOf(data) : data, contentType };
}

/** A text that is no JSON is one of JSON's texts. */
function jsonTextOf(text: string): string {
  return isJson(text) ? text : JSON.stringify(text);
}

function membersOf(row: Row): string {
  return JSON.stringify(Object.fromEntries([...row].filter(([column]) => column !== "key")));
}

function attributesOf(row: Row): DataItem["attributes"] {
  const text = row.get("attributes") ?? "";
  const attributes: unknown = text === "" ? {} : isJson(text) ? JSON.parse(text) : undefined;
  if (!isTexts(attributes)) throw new Error('"attributes" is not a JSON object of texts');
  checkUnicode({ attributes });
  return attributes;
}
