import type { FileFormat } from "./import-file.js";

/** What a file holds, by its name. */
export function formatOf(file: string): FileFormat {
  return file.toLowerCase().endsWith(".csv") ? "csv" : "ndjson";
}
