import type { Writable } from "node:stream";

import type { QueryOptions, QueryParameter, QuerySession } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { linesOf } from "../lines-of.js";
import { integerFrom } from "../option-parsers.js";
import { type QueryFormat, queryText } from "../query-output.js";
import { queryShell } from "../query-shell.js";
import { textChunks } from "../text-chunks.js";

interface QueryCommandOptions extends CommonOptions {
  readonly csv?: boolean;
  readonly param: readonly QueryParameter[];
  readonly maxRows?: number;
  readonly timeout?: number;
}

/** `millrace query [SQL]`: one statement, those of standard input, or what is typed. */
export function queryCommand(context: CommandContext): Command {
  const command = new Command("query")
    .description(
      "Run SQL over items, events, files, chat messages and metrics. It only reads. Without a statement: a prompt.",
    )
    .argument("[sql]", "one SELECT; without it each line of standard input is one")
    .option("--csv", "print CSV, with a header")
    .option("--param <value>", "value of $1, then $2 and so on: a number, true, false, null, or text", collectParam, [])
    .option("--max-rows <count>", "end after so many rows", integerFrom(1))
    .option("--timeout <seconds>", "longest run of a statement; at most what the server allows", integerFrom(1));
  return withCommonOptions(command).action((sql: string | undefined, options: QueryCommandOptions) =>
    query(context, sql, options),
  );
}

async function query(context: CommandContext, sql: string | undefined, options: QueryCommandOptions): Promise<void> {
  const { terminal, signal, input, screen } = context;
  const { target, json, csv, maxRows, timeout, param: params } = options;
  const format: QueryFormat = json ? "json" : csv ? "csv" : "table";
  const run: QueryOptions = {
    signal,
    params,
    ...(maxRows !== undefined && { maxRows }),
    ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
  };
  await using client = await context.openClient(target);
  await using session = client.query.session();
  if (sql !== undefined) return await print(session, sql, run, format, context);
  if (screen !== undefined) return await shell(context, screen, session, run, format);
  for await (const line of linesOf(input, signal))
    if (line.trim() !== "") await print(session, line, run, format, { terminal });
}

async function print(
  session: QuerySession,
  sql: string,
  options: QueryOptions,
  format: QueryFormat,
  { terminal }: Pick<CommandContext, "terminal">,
): Promise<void> {
  const result = session.query(sql, options);
  for await (const chunk of textChunks(queryText(result, format))) await terminal.write(chunk);
  const { rowLimitReached } = await result.stats;
  if (rowLimitReached) terminal.err("millrace: there are more rows\n");
}

async function shell(
  { input }: CommandContext,
  screen: Writable,
  session: QuerySession,
  { signal: _, ...options }: QueryOptions,
  format: QueryFormat,
): Promise<void> {
  await queryShell({ input, screen, format, run: (sql, signal) => session.query(sql, { ...options, signal }) });
}

function collectParam(text: string, before: readonly QueryParameter[]): readonly QueryParameter[] {
  return [...before, paramOf(text)];
}

function paramOf(text: string): QueryParameter {
  if (text === "null") return null;
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)) return BigInt(text);
  if (/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text)) return Number(text);
  return text;
}
