import { StreamingError } from "@millrace/client-sdk";

import { escapeControls } from "./escape-controls.js";

/** One line about a failure: code and reason first, so that scripts can match them. */
export function failureLine(error: unknown): string {
  return `millrace: ${escapeControls(describe(error).trimEnd())}\n`;
}

function describe(error: unknown): string {
  if (StreamingError.is(error)) {
    return [error.codeName, error.reason].filter(Boolean).join(" ") + `: ${error.message}`;
  }
  return error instanceof Error ? error.message : String(error);
}
