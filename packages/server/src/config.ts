import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import type { EventsLimits } from "./events/events-deps.js";
import { LOG_LEVELS, type LogLevel } from "./logging.js";
import { unknownName } from "./rpc/nearest-name.js";
import { checkedNumber, OptionError } from "./rpc/number-options.js";
import type { TlsOptions } from "./rpc/server-credentials.js";
import { DEFAULT_PORT } from "./rpc/server-options.js";

/** What the command line and the environment decide. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Folder of everything the server keeps. */
  readonly dataDir: string;
  readonly logLevel: LogLevel;
  readonly insecure: boolean;
  readonly tls: TlsOptions | undefined;
  readonly drainGraceMs: number;
  /** Whether the heaps may grow with the memory of the machine. */
  readonly freeHeap: boolean;
  /** What of the event log is kept; what is not named has no limit. */
  readonly retention: Partial<Pick<EventsLimits, "maxAgeMs" | "maxEvents" | "maxBytes">>;
}

interface Setting {
  readonly flag: string;
  /** In the help, in place of the value; none: the flag is a switch. */
  readonly value?: string;
  readonly help: string;
  readonly default: string;
}

const SETTINGS = {
  host: { flag: "host", value: "ADDRESS", help: "address to listen on", default: "127.0.0.1" },
  port: { flag: "port", value: "NUMBER", help: "port to listen on; 0: any free one", default: String(DEFAULT_PORT) },
  dataDir: {
    flag: "data-dir",
    value: "PATH",
    help: "folder of everything the server keeps",
    default: "./millrace-data",
  },
  logLevel: { flag: "log-level", value: "LEVEL", help: LOG_LEVELS.join(", "), default: "info" },
  tlsCert: { flag: "tls-cert", value: "PATH", help: "PEM of the certificate chain; with --tls-key", default: "" },
  tlsKey: { flag: "tls-key", value: "PATH", help: "PEM of the key", default: "" },
  tlsClientCa: {
    flag: "tls-client-ca",
    value: "PATH",
    help: "PEM of the authorities of client certificates",
    default: "",
  },
  insecure: { flag: "insecure", help: "serve others without TLS and authentication", default: "false" },
  drainGraceMs: {
    flag: "drain-grace-ms",
    value: "NUMBER",
    help: "how long a drain lets calls finish",
    default: "10000",
  },
  freeHeap: {
    flag: "free-heap",
    help: "up to a third faster, and some hundred MiB larger: see Memory in docs/operations.md",
    default: "false",
  },
  retentionMs: { flag: "retention-ms", value: "NUMBER", help: "events that are older are removed", default: "" },
  retentionEvents: {
    flag: "retention-events",
    value: "NUMBER",
    help: "so many events are kept, the newest",
    default: "",
  },
  retentionBytes: {
    flag: "retention-bytes",
    value: "NUMBER",
    help: "so many bytes of events are kept, the newest",
    default: "",
  },
} as const satisfies Record<string, Setting>;

type SettingName = keyof typeof SETTINGS;

/** Variables that other programs of this family read: not ours, and not mistakes. */
const FOREIGN_VARIABLES = ["MILLRACE_TARGET", "MILLRACE_TOKEN", "MILLRACE_SEED"];

const PREFIX = "MILLRACE_";

const DRAIN_GRACE_MS = { default: 10_000, min: 0, max: 3_600_000 };
const RETENTION = { default: 0, min: 1, max: Number.MAX_SAFE_INTEGER };
const PORT = { default: DEFAULT_PORT, min: 0, max: 65_535 };

/**
 * Reads the configuration; a flag goes before its variable, which goes before the default.
 *
 * @throws {OptionError} naming the flag or variable that is unknown, has no value or is out of range
 */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Config {
  const given = { ...fromEnvironment(env), ...fromFlags(argv) };
  const textOf = (name: SettingName): Given =>
    given[name] ?? { text: SETTINGS[name].default, source: `--${SETTINGS[name].flag}` };
  return {
    host: nonEmpty(textOf("host")),
    port: wholeNumber(textOf("port"), PORT),
    dataDir: nonEmpty(textOf("dataDir")),
    logLevel: logLevel(textOf("logLevel")),
    insecure: switchOf(textOf("insecure")),
    tls: tlsOf(textOf("tlsCert"), textOf("tlsKey"), textOf("tlsClientCa")),
    drainGraceMs: wholeNumber(textOf("drainGraceMs"), DRAIN_GRACE_MS),
    freeHeap: switchOf(textOf("freeHeap")),
    retention: {
      ...limited("maxAgeMs", given.retentionMs),
      ...limited("maxEvents", given.retentionEvents),
      ...limited("maxBytes", given.retentionBytes),
    },
  };
}

/** Where in a line of the help the explanation begins: behind the longest flag. */
const HELP_COLUMN: number = 2 + Math.max(...Object.values<Setting>(SETTINGS).map((setting) => usageOf(setting).length));

/** The text of `--help`. */
export function helpText(): string {
  const lines = Object.values<Setting>(SETTINGS).map((setting) => {
    const usage = usageOf(setting);
    const preset = setting.default === "" || setting.default === "false" ? "" : ` (${setting.default})`;
    return `  ${usage.padEnd(HELP_COLUMN)}${setting.help}${preset}\n  ${"".padEnd(HELP_COLUMN)}${variableOf(setting)}`;
  });
  return ["millrace-server: the Millrace streaming server", "", ...lines, ""].join("\n");
}

function usageOf({ flag, value }: Setting): string {
  return `--${flag}${value === undefined ? "" : ` ${value}`}`;
}

interface Given {
  readonly text: string;
  /** The flag or variable that said so. */
  readonly source: string;
}

type GivenSettings = Partial<Record<SettingName, Given>>;

function fromFlags(argv: readonly string[]): GivenSettings {
  const options = Object.fromEntries(Object.values<Setting>(SETTINGS).map(({ flag, value }) => [flag, typeOf(value)]));
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const given: GivenSettings = {};
  for (const token of tokens) {
    if (token.kind !== "option")
      throw new OptionError(`unexpected argument "${token.kind === "positional" ? token.value : "--"}"`);
    const name = settingBy(({ flag }) => flag === token.name);
    if (name === undefined)
      throw new OptionError(
        unknownName(
          "flag",
          token.rawName,
          Object.keys(options).map((flag) => `--${flag}`),
        ),
      );
    const isSwitch = options[token.name]?.type === "boolean";
    if (!isSwitch && (token.value ?? "") === "") throw new OptionError(`${token.rawName} needs a value`);
    given[name] = { text: token.value ?? "true", source: token.rawName };
  }
  return given;
}

function typeOf(value: string | undefined): { readonly type: "string" | "boolean" } {
  return { type: value === undefined ? "boolean" : "string" };
}

function fromEnvironment(env: Readonly<Record<string, string | undefined>>): GivenSettings {
  const given: GivenSettings = {};
  for (const [source, text] of Object.entries(env)) {
    if (!source.startsWith(PREFIX) || text === undefined || FOREIGN_VARIABLES.includes(source)) continue;
    const name = settingBy((setting) => variableOf(setting) === source);
    if (name === undefined)
      throw new OptionError(unknownName("variable", source, Object.values<Setting>(SETTINGS).map(variableOf)));
    given[name] = { text, source };
  }
  return given;
}

function settingBy(matches: (setting: Setting) => boolean): SettingName | undefined {
  const found = Object.entries<Setting>(SETTINGS).find(([, setting]) => matches(setting));
  return found?.[0] as SettingName | undefined;
}

/** `MILLRACE_DATA_DIR` for `data-dir`. */
function variableOf({ flag }: Setting): string {
  return PREFIX + flag.replaceAll("-", "_").toUpperCase();
}

function nonEmpty({ text, source }: Given): string {
  if (text.trim() === "") throw new OptionError(`${source} must not be empty`);
  return text;
}

function wholeNumber({ text, source }: Given, range: Parameters<typeof checkedNumber>[2]): number {
  return checkedNumber(source, /^\d+$/.test(text) ? Number(text) : text, range);
}

function limited(name: keyof Config["retention"], given: Given | undefined): Config["retention"] {
  return given === undefined ? {} : { [name]: wholeNumber(given, RETENTION) };
}

function logLevel({ text, source }: Given): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw new OptionError(`${source} must be one of ${LOG_LEVELS.join(", ")}, not "${text}"`);
  return level;
}

function switchOf({ text, source }: Given): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new OptionError(`${source} must be true or false, not "${text}"`);
}

function tlsOf(cert: Given, key: Given, clientCa: Given): TlsOptions | undefined {
  if (cert.text === "" && key.text === "" && clientCa.text === "") return undefined;
  if (cert.text === "" || key.text === "") throw new OptionError("--tls-cert and --tls-key are given together");
  return { cert: pemAt(cert), key: pemAt(key), ...(clientCa.text !== "" && { clientCa: pemAt(clientCa) }) };
}

function pemAt({ text, source }: Given): Buffer {
  try {
    return readFileSync(text);
  } catch (cause) {
    throw new OptionError(`${source}: cannot read ${text}`, { cause });
  }
}
