import { escapeControls } from "./escape-controls.js";

/** What is known of something, for people: a line for each fact that is not empty. */
export function factLines(facts: object): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([key, value]) => `${key.padEnd(16)}${escapeControls(textOf(value))}\n`)
    .join("");
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" ? value : JSON.stringify(value);
}
