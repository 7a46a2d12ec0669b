import { isUtf8 } from "node:buffer";

import type { DataItem } from "@millrace/client-sdk";

import { csvLine } from "./csv-records.js";

/**
 * An item as one line of JSON: `id`, `key`, `name` if it has one, and `data`, which is the JSON value as it was stored if that is its content
 * type, else text, or `dataBase64` for what is neither. Other content also has its `contentType`, so that an
 * import of the line makes the same item.
 */
export function itemLine(item: DataItem): string {
  const { id, key, name } = item;
  const named = name === "" ? "" : `,"name":${JSON.stringify(name)}`;
  const head = `{"id":${JSON.stringify(id)},"key":${JSON.stringify(key)}${named}`;
  return `${head},${contentOf(item)}${attributesOf(item)}}\n`;
}

/** First line of a CSV file. */
export const CSV_HEADER: string = csvLine(["id", "key", "data", "dataBase64", "contentType", "name", "attributes"]);

/** An item as a record of CSV. In base64 is what is no text, and what is no JSON although its type says so. */
export function itemRecord(item: DataItem): string {
  const { id, key, data, contentType, name, attributes } = item;
  const isText = isUtf8(data) && (!isJsonType(contentType) || isJson(item.text()));
  const content = isText ? [item.text(), ""] : ["", Buffer.from(data).toString("base64")];
  const noted = Object.keys(attributes).length === 0 ? "" : JSON.stringify(attributes);
  return csvLine([id, key, ...content, contentType, name, noted]);
}

function contentOf(item: DataItem): string {
  const { data, contentType } = item;
  const isJson = isJsonType(contentType);
  const json = isJson ? jsonOf(item) : undefined;
  if (json !== undefined) return `"data":${json}${contentType === "application/json" ? "" : typeOf(contentType)}`;
  if (isUtf8(data) && !isJson) return `"data":${JSON.stringify(item.text())}${typeOf(contentType)}`;
  return `"dataBase64":"${Buffer.from(data).toString("base64")}"${typeOf(contentType)}`;
}

function typeOf(contentType: string): string {
  return `,"contentType":${JSON.stringify(contentType)}`;
}

function attributesOf({ attributes }: DataItem): string {
  return Object.keys(attributes).length === 0 ? "" : `,"attributes":${JSON.stringify(attributes)}`;
}

/** The stored text, because parsing it would round large numbers; line ends can only be between its parts. */
function jsonOf(item: DataItem): string | undefined {
  if (!isUtf8(item.data)) return undefined;
  const text = item.text();
  return isJson(text) ? text.trim().replaceAll(/[\r\n]+/g, " ") : undefined;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export function isJsonType(contentType: string): boolean {
  return /^application\/(?:[\w.!#$&^-]+\+)?json\s*(?:;|$)/i.test(contentType);
}
