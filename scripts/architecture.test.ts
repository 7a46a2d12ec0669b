import { describe, expect, it } from "@jest/globals";

import { violationsOf } from "./architecture.ts";
import { ROOT } from "./root.ts";
import { readSources } from "./sources.ts";

/** What is wrong with a source set of one file. */
const violations = (path: string, source: string) => violationsOf(new Map([[path, source]]));

describe("the architecture", () => {
  it("holds in every source of the repository", () => {
    const sources = readSources(ROOT);
    expect(sources.has("packages/shared-types/src/index.ts")).toBe(true);
    expect(violationsOf(sources)).toEqual([]);
  });
});

describe("the architecture's check", () => {
  it.each([
    ["packages/server/src/files/upload-file.ts", `import { status } from "@grpc/grpc-js";`],
    ["packages/client-sdk/src/client.ts", `import type { Channel } from "@grpc/grpc-js";`],
    ["packages/client-sdk/src/client.ts", `export { status } from "@grpc/grpc-js";`],
    ["packages/client-sdk/src/client.ts", `const grpc = await import("@grpc/grpc-js");`],
    ["packages/client-sdk/src/client.ts", `let channel: import("@grpc/grpc-js").Channel;`],
    ["packages/client-sdk/src/client.ts", `import grpc = require("@grpc/grpc-js");`],
    ["packages/client-sdk/src/client.ts", `const grpc = createRequire(import.meta.url)("@grpc/grpc-js");`],
  ])("finds grpc-js outside rpc/: %s, %s", (path, source) => {
    expect(violations(path, source)).toEqual([`${path}:1: only rpc/ knows grpc-js (@grpc/grpc-js)`]);
  });

  it.each([
    ["packages/server/src/files/upload-file.ts", `import { open } from "node:fs/promises";`],
    ["packages/server/src/files/upload-file.ts", `import { open } from "fs";`],
    ["packages/server/src/rpc/pump.ts", `import { DatabaseSync } from "node:sqlite";`],
    ["packages/server/src/files/upload-file.ts", `process.getBuiltinModule("node:fs");`],
    ["packages/server/src/streaming-server.ts", `import { Worker } from "node:worker_threads";`],
    ["packages/server/src/files/upload-file.ts", `import { S3Client } from "@aws-sdk/client-s3";`],
    ["packages/client-sdk/src/rpc/retry.ts", `import { readFile } from "node:fs/promises";`],
    ["packages/shared-types/src/tokens.ts", `import { readFileSync } from "node:fs";`],
  ])("finds storage outside adapters/: %s, %s", (path, source) => {
    expect(violations(path, source)).toEqual([expect.stringMatching(/^\S+:1: only adapters\/ .* know disks/)]);
  });

  it.each([
    ["packages/server/src/files/upload-file.ts", "node:net", "only rpc/ and adapters/ know sockets"],
    [
      "packages/server/src/files/upload-file.ts",
      "#gen/streaming/v1/file.js",
      "only shared-types imports generated code",
    ],
    ["e2e/src/files.test.ts", "../../gen/ts/streaming/v1/file.js", "only shared-types imports generated code"],
    ["packages/server/src/index.ts", "@millrace/client-sdk", "dependencies between packages point downwards"],
    ["packages/shared-types/src/index.ts", "@millrace/server", "dependencies between packages point downwards"],
    ["packages/client-sdk/src/client.test.ts", "@millrace/cli", "dependencies between packages point downwards"],
    ["packages/cli/src/main.ts", "../../client-sdk/src/client.js", "a package is entered by its name, not by a path"],
    ["e2e/src/files.test.ts", "@millrace/server/dist/main.js", "a package is entered by its name, not by a path"],
    ["packages/server/src/ports/blob-store.ts", "../rpc/call-context.js", "ports know nothing above them"],
    ["packages/server/src/ports/blob-store.ts", "pino", "ports know nothing above them"],
    ["packages/server/src/adapters/memory/clock.ts", "../../files/names.js", "adapters know nothing above the ports"],
    ["packages/server/src/rpc/pump.ts", "../files/upload-file.js", "the runtime knows no domain and no adapter"],
    ["packages/server/src/files/upload-file.ts", "../adapters/memory/blobs.js", "domains reach adapters through ports"],
  ])("finds that %s imports %s", (path, specifier, rule) => {
    expect(violations(path, `\nimport "${specifier}";`)).toEqual([`${path}:2: ${rule} (${specifier})`]);
  });

  it("finds a module whose name is computed", () => {
    expect(violations("packages/server/src/index.ts", `await import(name);`)).toEqual([
      "packages/server/src/index.ts:1: a module is named by a literal",
    ]);
  });

  it.each(["packages/server/src/files/utils.ts", "scripts/helpers/x.ts", "e2e/src/stream-helper.ts"])(
    "finds a file whose name says nothing: %s",
    (path) => {
      expect(violations(path, "")).toEqual([`${path}: a name says what is inside`]);
    },
  );

  it.each([
    ["packages/server/src/rpc/pump.ts", `import "@grpc/grpc-js"; import "node:http2"; import "../ports/clock.js";`],
    ["packages/server/src/rpc/pump.test.ts", `import "../testing/start-test-server.js"; import "node:net";`],
    [
      "packages/server/src/adapters/embedded/fs-blob-store.ts",
      `import "node:fs/promises"; import "../../ports/blob-store.js";`,
    ],
    ["packages/server/src/main.ts", `import "node:fs"; import "./adapters/embedded/open.js";`],
    ["packages/cli/src/main.ts", `import "node:fs"; import "@millrace/client-sdk";`],
    ["packages/client-sdk/src/files/upload.ts", `import "node:fs/promises"; import "../rpc/rpc.js";`],
    ["packages/shared-types/src/index.ts", `export * from "#gen/streaming/v1/file.js";`],
    ["e2e/src/seed-client.ts", `import "@grpc/grpc-js"; import "@millrace/client-sdk/testing";`],
  ])("accepts what each layer is for: %s", (path, source) => {
    expect(violations(path, source)).toEqual([]);
  });

  it("does not take words in comments and strings for imports", () => {
    expect(violations("packages/server/src/index.ts", `// import "node:fs"\nconst a = 'import "node:fs"';`)).toEqual(
      [],
    );
  });
});
