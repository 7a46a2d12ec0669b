/** Options whose value is an object that is not ours to look into. */
type Opaque =
  | "headers"
  | "transport"
  | "clock"
  | "auth"
  | "signal"
  | "metadata"
  | "store"
  | "expiresAt"
  | "attributes"
  | "timestamp"
  | "types"
  | "streams"
  | "from";

/** The names of all options of `T`: what is a number, what is a section with names inside, and the others. */
export type NamesOf<T> = {
  readonly [Name in keyof Required<T>]: Name extends Opaque ? "any" : NameOf<NonNullable<T[Name]>>;
};
type NameOf<V> = [V] extends [number] ? "number" : SectionOf<Section<V>>;
type Section<V> = Exclude<
  V,
  string | number | boolean | Uint8Array | readonly unknown[] | ((...args: never[]) => unknown)
>;
type SectionOf<S> = [S] extends [never] ? "any" : NamesOf<S>;

/** Any {@link NamesOf}. */
export interface OptionNames {
  readonly [name: string]: OptionNames | "number" | "any";
}

/**
 * Refuses options that would be ignored, or would be taken for something else.
 *
 * @throws {TypeError} for an unknown name, with the most likely one, and for a section that is none
 * @throws {RangeError} for a number that is none, or below 0
 */
export function checkNames(options: object, names: OptionNames): void {
  checkSection(options, names, "", names);
}

function checkSection(section: object, names: OptionNames, path: string, all: OptionNames): void {
  for (const [name, value] of Object.entries(section) as [string, unknown][]) {
    const expected = Object.hasOwn(names, name) ? names[name] : undefined;
    if (expected === undefined) throw unknownOption(path + name, name, all);
    if (value === undefined || expected === "any") continue;
    if (expected === "number") checkNumber(value, path + name);
    else if (typeof value === "object" && value !== null) checkSection(value, expected, `${path}${name}.`, all);
    else if (typeof value !== "boolean")
      throw new TypeError(`option '${path}${name}' is ${textOf(value)}, not an object`);
  }
}

function checkNumber(value: unknown, path: string): void {
  if (!(typeof value === "number" && value >= 0)) throw new RangeError(`option '${path}' is ${textOf(value)}`);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function unknownOption(path: string, name: string, all: OptionNames): TypeError {
  const suggestion = mostLike(name, pathsOf(all, ""));
  return new TypeError(`unknown option '${path}'${suggestion === undefined ? "" : ` - did you mean ${suggestion}?`}`);
}

function pathsOf(names: OptionNames, prefix: string): readonly string[] {
  return Object.entries(names).flatMap(([name, inner]) => [
    prefix + name,
    ...(typeof inner === "string" ? [] : pathsOf(inner, `${prefix}${name}.`)),
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
