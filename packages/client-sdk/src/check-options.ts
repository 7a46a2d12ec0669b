import type { ClientOptions } from "./options.js";

/** Options whose value is an object that is not ours to look into. */
type Opaque = "headers" | "transport" | "clock" | "auth";

/** The names of all options of `T`, with the names inside of those that are sections. */
type NamesOf<T> = {
  readonly [Name in keyof Required<T>]: Name extends Opaque ? null : SectionOf<NonNullable<T[Name]>>;
};
type Section<V> = Exclude<V, string | number | boolean | Uint8Array | ((...args: never[]) => unknown)>;
type SectionOf<V> = [Section<V>] extends [never] ? null : NamesOf<Section<V>>;

type Names = { readonly [name: string]: Names | null };

const BACKOFF = { initialMs: null, maxMs: null, multiplier: null };

/** Every option there is: does not compile unless it equals {@link ClientOptions}. */
const NAMES: NamesOf<ClientOptions> = {
  target: null,
  tls: { ca: null, cert: null, key: null, serverName: null },
  auth: null,
  connect: { timeoutMs: null },
  keepAlive: { intervalMs: null, timeoutMs: null, whileIdle: null },
  retry: { maxAttempts: null, backoff: BACKOFF },
  resume: { maxAttempts: null, maxElapsedMs: null, backoff: BACKOFF, shouldResume: null },
  limits: { maxReceiveBytes: null, maxSendBytes: null, receiveWindowBytes: null },
  defaults: { timeoutMs: null, idleTimeoutMs: null, headers: null },
  transport: null,
  clock: null,
  random: null,
};

/**
 * Refuses options that would be ignored.
 *
 * @throws {TypeError} for an unknown name, with the most likely one
 * @throws {RangeError} for a number that is none, or below 0
 */
export function checkOptions(options: ClientOptions): void {
  if (typeof options.target !== "string" || options.target === "") {
    throw new TypeError("option 'target' is missing: where is the server?");
  }
  checkSection(options, NAMES, "");
}

function checkSection(section: object, names: Names, path: string): void {
  for (const [name, value] of Object.entries(section) as [string, unknown][]) {
    const inner = Object.hasOwn(names, name) ? names[name] : undefined;
    if (inner === undefined) throw unknownOption(path + name, name);
    if (typeof value === "number" && !(value >= 0)) throw new RangeError(`option '${path}${name}' is ${String(value)}`);
    if (inner !== null && typeof value === "object" && value !== null) checkSection(value, inner, `${path}${name}.`);
  }
}

function unknownOption(path: string, name: string): TypeError {
  const suggestion = mostLike(name, pathsOf(NAMES, ""));
  return new TypeError(`unknown option '${path}'${suggestion === undefined ? "" : ` - did you mean ${suggestion}?`}`);
}

function pathsOf(names: Names, prefix: string): readonly string[] {
  return Object.entries(names).flatMap(([name, inner]) => [
    prefix + name,
    ...(inner === null ? [] : pathsOf(inner, `${prefix}${name}.`)),
  ]);
}

/** `undefined` if more than three letters in five would have to change. */
function mostLike(name: string, paths: readonly string[]): string | undefined {
  const wanted = plain(name);
  const ranked = paths
    .map((path) => ({ path, distance: editDistance(wanted, plain(path.slice(path.lastIndexOf(".") + 1))) }))
    .toSorted((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= wanted.length * 0.6 ? best.path : undefined;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, "");
}

/** Levenshtein's: how many letters to insert, remove or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
