import { isUtf8 } from "node:buffer";

import type { WatchedEvent } from "@millrace/client-sdk";

import { escapeControls } from "./escape-controls.js";
import { formatBytes } from "./format.js";

/** An event as one line. */
export function eventOutput(event: WatchedEvent, json: boolean | undefined): string {
  return `${json ? eventJson(event) : eventLine(event)}\n`;
}

/** An event as JSON: `payload` if that is UTF-8, else `payloadBase64`. What the publisher left out is left out. */
export function eventJson(event: WatchedEvent): string {
  const { id, type, stream, sequence, streamRevision, payload, resumeToken } = event;
  const { timestamp, key, tombstone, contentType, source, attributes } = event;
  return JSON.stringify({
    id,
    type,
    stream,
    sequence,
    streamRevision,
    timestamp,
    ...(key !== "" && { key }),
    ...(tombstone && { tombstone }),
    ...(contentType !== "" && { contentType }),
    ...(source !== "" && { source }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
    ...(isUtf8(payload) ? { payload: event.text() } : { payloadBase64: Buffer.from(payload).toString("base64") }),
    resumeToken,
  });
}

/** An event for people: sequence, time, type, payload. */
function eventLine(event: WatchedEvent): string {
  const { sequence, timestamp, type, payload } = event;
  const time = `${timestamp.toISOString().slice(0, 19)}Z`;
  const content = isUtf8(payload) ? escapeControls(event.text()) : `(${formatBytes(payload.byteLength)})`;
  return `${String(sequence).padStart(8)}  ${time}  ${escapeControls(type)}  ${content}`.trimEnd();
}
