import type { EventStart } from "@millrace/client-sdk";
import { InvalidArgumentError } from "commander";

/** Parses an option that is a whole number of at least `least`. */
export function integerFrom(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is not a whole number of ${String(least)} to ${String(most)}.`);
  };
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Parses a span of time such as `90s`, `12h` or `30d`, in milliseconds. */
export function durationMs(text: string): number {
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (count === undefined || unitMs === undefined)
    throw new InvalidArgumentError("It is not a time such as 12h or 30d.");
  return Number(count) * unitMs;
}

/** Collects an option that may be given several times. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** Collects `key=value`. */
export function collectPair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, key, value] = /^(.+?)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError("It is not KEY=VALUE.");
  return { ...before, [key]: value };
}

/** Where a watch begins: `beginning`, `end`, a sequence, or a token. */
export function eventStart(text: string): EventStart {
  return /^\d{1,16}$/.test(text) ? { sequence: Number(text) } : text;
}

const MS_OF_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Parses an option that is a span of time, such as `90s` or `15m`, into milliseconds. */
export function duration(text: string): number {
  const [, amount, unit = ""] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(amount) * (MS_OF_UNIT[unit] ?? Number.NaN);
  if (ms > 0) return ms;
  throw new InvalidArgumentError("It is not a number with ms, s, m, h or d.");
}

/** Parses an option that is a moment. */
export function moment(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError("It is not a date, such as 2026-01-31T12:00:00Z.");
  return date;
}

/** Collects fractions, such as `0.99`. */
export function collectFraction(text: string, before: readonly number[] = []): readonly number[] {
  const fraction = text.trim() === "" ? Number.NaN : Number(text);
  if (fraction >= 0 && fraction <= 1) return [...before, fraction];
  throw new InvalidArgumentError("It is not a number from 0 to 1.");
}

const DEFAULT_PORT = 50_051;
const MAX_PORT = 65_535;

/** Parses where a server is: a host and a port, 50051 unless it is given. Names with a scheme are left to gRPC. */
export function targetOf(text: string): string {
  if (/^(?:dns|ipv4|ipv6|unix|unix-abstract):(?!\d+$)./.test(text)) return text;
  if (isIPv6(text)) return `[${text}]:${String(DEFAULT_PORT)}`;
  const [, host = "", port = String(DEFAULT_PORT)] = /^(\[[^\]]+\]|[^\s:/[\]]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isHost = host.startsWith("[") ? isIPv6(host.slice(1, -1)) : host !== "";
  if (isHost && Number(port) >= 1 && Number(port) <= MAX_PORT) return `${host}:${port}`;
  throw new InvalidArgumentError("It is not HOST or HOST:PORT, such as localhost:50051.");
}

function isIPv6(text: string): boolean {
  return text.includes(":") && URL.canParse(`http://[${text}]`);
}
