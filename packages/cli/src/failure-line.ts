import { StreamingError } from "@millrace/client-sdk";

import { escapeControls } from "./escape-controls.js";

/** One line about a failure: code and reason first, so that scripts can match them. */
export function failureLine(error: unknown): string {
  return `millrace: ${escapeControls(describe(firstOf(error)).trimEnd())}\n`;
}

/** One line about a failure that is not the end: it is tried again. */
export function waitingLine(error: unknown): string {
  return `millrace: still trying: ${escapeControls(describe(error).trimEnd())}\n`;
}

/** What went wrong first, if closing something failed as well. By name: compiled code may bring a class of its own. */
function firstOf(error: unknown): unknown {
  const isOfBoth = error instanceof Error && error.name === "SuppressedError" && "suppressed" in error;
  return isOfBoth ? firstOf(error.suppressed) : error;
}

function describe(error: unknown): string {
  if (StreamingError.is(error)) {
    return [error.codeName, error.reason].filter(Boolean).join(" ") + `: ${error.message}`;
  }
  return error instanceof Error ? error.message : String(error);
}
