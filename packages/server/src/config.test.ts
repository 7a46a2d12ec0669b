import { describe, expect, test } from "@jest/globals";

import { helpText, readConfig } from "./config.js";

describe("readConfig", () => {
  test("without anything gives the documented defaults", () => {
    expect(readConfig([], {})).toEqual({
      host: "127.0.0.1",
      port: 50_051,
      dataDir: "./millrace-data",
      logLevel: "info",
      insecure: false,
      tls: undefined,
      drainGraceMs: 10_000,
      freeHeap: false,
      retention: {},
    });
  });

  test("says what of the event log is kept", () => {
    const env = { MILLRACE_RETENTION_EVENTS: "1000000" };
    const { retention } = readConfig(["--retention-ms", "604800000", "--retention-bytes=1"], env);
    expect(retention).toEqual({ maxAgeMs: 604_800_000, maxEvents: 1_000_000, maxBytes: 1 });
  });

  test("a flag goes before its variable, which goes before the default", () => {
    const env = { MILLRACE_PORT: "1", MILLRACE_HOST: "::1", MILLRACE_DATA_DIR: "/data", UNRELATED: "x" };
    expect(readConfig(["--port", "2"], env)).toMatchObject({ port: 2, host: "::1", dataDir: "/data" });
    expect(readConfig(["--port=3", "--insecure"], {})).toMatchObject({ port: 3, insecure: true });
    expect(readConfig(["--free-heap"], {})).toMatchObject({ freeHeap: true });
  });

  test.each([
    [["--port", "65536"], {}, "--port must be a whole number from 0 to 65535, not 65536"],
    [["--port", "1e3"], {}, "--port must be a whole number"],
    [["--port"], {}, "--port needs a value"],
    [["--port="], {}, "--port needs a value"],
    [[], { MILLRACE_PORT: "-1" }, "MILLRACE_PORT must be a whole number"],
    [[], { MILLRACE_PORT: "" }, "MILLRACE_PORT must be a whole number"],
    [
      [],
      { MILLRACE_LOG_LEVEL: "loud" },
      'MILLRACE_LOG_LEVEL must be one of debug, info, warn, error, silent, not "loud"',
    ],
    [[], { MILLRACE_INSECURE: "maybe" }, "MILLRACE_INSECURE must be true or false"],
    [[], { MILLRACE_DATADIR: "x" }, 'unknown variable "MILLRACE_DATADIR"; did you mean "MILLRACE_DATA_DIR"?'],
    [["--data-dri", "x"], {}, 'unknown flag "--data-dri"; did you mean "--data-dir"?'],
    [["-p", "1"], {}, 'unknown flag "-p"'],
    [["serve"], {}, 'unexpected argument "serve"'],
    [["--tls-cert", "x"], {}, "--tls-cert and --tls-key are given together"],
    [["--tls-cert", "/nowhere", "--tls-key", "/nowhere"], {}, "--tls-cert: cannot read /nowhere"],
    [["--drain-grace-ms", "-1"], {}, "--drain-grace-ms"],
    [["--retention-ms", "0"], {}, "--retention-ms must be a whole number from 1 to"],
    [["--retention-bytes", "1GiB"], {}, "--retention-bytes must be a whole number"],
    [[], { MILLRACE_RETENTION_EVENTS: "" }, "MILLRACE_RETENTION_EVENTS must be a whole number"],
    [["--host", " "], {}, "--host must not be empty"],
  ])("%j %j is refused by name", (argv, env, message) => {
    expect(() => readConfig(argv, env)).toThrow(message);
  });

  test("variables of the other programs of this family are no mistakes", () => {
    expect(() => readConfig([], { MILLRACE_TARGET: "x:1", MILLRACE_TOKEN: "t", MILLRACE_SEED: "1" })).not.toThrow();
  });

  test("the help names every flag with its variable", () => {
    for (const name of ["--host", "--port", "--data-dir", "--log-level", "MILLRACE_DATA_DIR", "MILLRACE_LOG_LEVEL"]) {
      expect(helpText()).toContain(name);
    }
  });

  test("the help keeps flags and what they mean apart", () => {
    expect(helpText()).toContain("--retention-events NUMBER  so many events are kept");
    expect(helpText()).toContain("--retention-bytes NUMBER   so many bytes of events are kept");
    for (const line of helpText().split("\n").slice(2, -1)) expect(line).toMatch(/^ {2}(--\S+( [A-Z]+)?)? {2,}\S/);
  });
});
