import type { Readable, Writable } from "node:stream";

import type { QueryResult } from "@millrace/client-sdk";

import { failureLine } from "./failure-line.js";
import { LineEditor } from "./line-editor.js";
import { type QueryFormat, queryText } from "./query-output.js";
import { textChunks } from "./text-chunks.js";

/** What a shell is made of. */
export interface QueryShellOptions {
  readonly input: Readable;
  readonly screen: Writable;
  readonly format: QueryFormat;
  readonly run: (sql: string, signal: AbortSignal) => QueryResult;
}

/** Runs what is typed, line by line, until `exit` or Ctrl-D. Ctrl-C stops the statement that runs, or else the shell. */
export async function queryShell({ input, screen, format, run }: QueryShellOptions): Promise<void> {
  let running: AbortController | undefined;
  const interrupt = (): boolean => {
    running?.abort();
    return running !== undefined;
  };
  using editor = new LineEditor(input, screen, "sql> ", interrupt);
  for await (const line of editor.lines()) {
    const sql = line.trim();
    if (sql === "exit" || sql === "quit") return;
    if (sql === "") continue;
    running = new AbortController();
    try {
      for await (const chunk of textChunks(queryText(run(sql, running.signal), format))) editor.print(chunk);
    } catch (error) {
      editor.print(running.signal.aborted ? "(stopped)\n" : failureLine(error));
    } finally {
      running = undefined;
    }
  }
}
