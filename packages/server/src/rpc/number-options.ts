import { unknownName } from "./nearest-name.js";

/** An option that is missing, unknown or out of range. Its message names the option. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

/** The whole numbers that an option may have. */
export interface NumberRange {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export type NumberRanges<T> = { readonly [K in keyof T]-?: NumberRange };

/**
 * `given` with the defaults of `ranges` filled in.
 *
 * @throws {OptionError} naming `group.key` if it is unknown, no whole number or out of range
 */
export function resolveNumbers<T extends object>(
  group: string,
  given: T | undefined,
  ranges: NumberRanges<T>,
): Required<T> {
  checkNames(`option of ${group}`, given ?? {}, Object.keys(ranges));
  const entries = Object.entries<NumberRange>(ranges).map(([key, range]) => {
    const value: unknown = given === undefined ? undefined : Reflect.get(given, key);
    return [key, checkedNumber(`${group}.${key}`, value ?? range.default, range)];
  });
  return Object.fromEntries(entries) as Required<T>;
}

/** @throws {OptionError} unless `value` is a whole number within `range` */
export function checkedNumber(name: string, value: unknown, { min, max }: NumberRange): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  throw new OptionError(`${name} must be a whole number from ${String(min)} to ${String(max)}, not ${String(value)}`);
}

/** @throws {OptionError} naming a key of `given` that is not in `known` */
export function checkNames(what: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new OptionError(unknownName(what, unknown, known));
}
