import type { LogEvent, ReadOptions } from "./event-log.js";

/** Names to look for, taken apart. */
export interface NamePatterns {
  readonly names: readonly string[];
  /** From patterns that end in `*`: all that begin with these. */
  readonly prefixes: readonly string[];
}

/** Takes patterns such as `order.created` and `order.*` apart. Only a `*` at the end means more than itself. */
export function namePatterns(patterns: readonly string[] = []): NamePatterns {
  return {
    names: patterns.filter((pattern) => !pattern.endsWith("*")),
    prefixes: patterns.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1)),
  };
}

/** Whether a stream belongs to the server: such a one is read only by those who name it, and kept until it is truncated. */
export function isSystemStream(stream: string): boolean {
  return stream.startsWith("$");
}

/** Whether only streams of the server are asked for. */
export function readsSystemOnly({ streams = [] }: Pick<ReadOptions, "streams">): boolean {
  return streams.length > 0 && streams.every(isSystemStream);
}

/** Whether an event is of the types and in the streams that a reader asks for. `*` is no name of a `$` stream; `$*` is. */
export function eventMatcher(
  selection: Pick<ReadOptions, "types" | "streams">,
): (event: Pick<LogEvent, "type" | "stream">) => boolean {
  const { types = [], streams = [] } = selection;
  const ofType = types.length === 0 ? (): boolean => true : nameMatcher(types);
  const inStream = nameMatcher(streams.length === 0 ? ["*"] : streams);
  return ({ type, stream }) => inStream(stream, isSystemStream(stream)) && ofType(type);
}

function nameMatcher(patterns: readonly string[]): (name: string, ofServer?: boolean) => boolean {
  const { names, prefixes } = namePatterns(patterns);
  const known = new Set(names);
  return (name, ofServer = false) =>
    known.has(name) || prefixes.some((prefix) => name.startsWith(prefix) && (!ofServer || isSystemStream(prefix)));
}
