import { isUtf8 } from "node:buffer";

import type { SyncCollectionInfo, SyncConflict, SyncDocument } from "@millrace/client-sdk";

import { isJsonType } from "./item-output.js";
import { escapeControls } from "./escape-controls.js";

/** A document as one line: its key and its content; or as JSON, with `pending` if the server does not have it yet. */
export function documentLine(document: SyncDocument, json: boolean | undefined): string {
  const { id, isPending, siblings } = document;
  if (!json) return `${escapeControls(id)}\t${escapeControls(textOf(document).replaceAll(/[\r\n]+/g, " "))}\n`;
  const fields = {
    id,
    ...contentOf(document),
    ...(siblings.length > 0 && { siblings: siblings.map(contentOf) }),
    ...(isPending && { pending: true }),
  };
  return `${JSON.stringify(fields)}\n`;
}

/** A document that was deleted. */
export function goneLine(id: string, json: boolean | undefined): string {
  return json ? `${JSON.stringify({ id, deleted: true })}\n` : `${escapeControls(id)}\tdeleted\n`;
}

export function conflictLine({ id, mine, reason }: SyncConflict, json: boolean | undefined): string {
  if (json) return `${JSON.stringify({ id, reason, ...(mine && contentOf(mine)) })}\n`;
  const wanted = mine === undefined ? "deletion" : textOf(mine);
  return `${escapeControls(id)}\t${escapeControls(reason)}\t${escapeControls(wanted)}\n`;
}

export function collectionLine(info: SyncCollectionInfo, json: boolean | undefined): string {
  return json ? `${JSON.stringify(info)}\n` : `${info.name}\t${info.policy}\t${String(info.documentCount)}\n`;
}

type Version = Pick<SyncDocument, "data" | "contentType" | "text">;

function contentOf({ data, contentType, text }: Version): object {
  if (!isUtf8(data)) return { dataBase64: Buffer.from(data).toString("base64"), contentType };
  if (!isJsonType(contentType)) return { data: text(), contentType };
  try {
    return { data: JSON.parse(text()) as unknown };
  } catch {
    return { data: text(), contentType };
  }
}

function textOf({ data, text }: Version): string {
  return isUtf8(data) ? text() : Buffer.from(data).toString("base64");
}
