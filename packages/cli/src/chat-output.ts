import type { ChatMessage } from "@millrace/client-sdk";

import { escapeControls } from "./escape-controls.js";

/** A message as one line. */
export function chatOutput(message: ChatMessage, json: boolean | undefined): string {
  return `${json ? JSON.stringify(message) : chatLine(message)}\n`;
}

/** A message for people: time, author, and what was said or done. */
function chatLine(message: ChatMessage): string {
  const time = `${message.time.toISOString().slice(0, 19)}Z`;
  return `${time}  ${escapeControls(message.userId)}: ${escapeControls(saidBy(message))}`;
}

function saidBy({ kind, content, targetId = "", metadata, redacted, attachments }: ChatMessage): string {
  if (redacted) return "(redacted)";
  switch (kind) {
    case "edit":
      return `(changes ${targetId}) ${content}`;
    case "redact":
      return `(removes ${targetId})`;
    case "reaction":
      return metadata["remove"] === "true" ? `(takes ${content} back from ${targetId})` : `(${content} to ${targetId})`;
    default:
      return [content, ...attachments.map((fileId) => `[file ${fileId}]`)].filter(Boolean).join(" ");
  }
}
