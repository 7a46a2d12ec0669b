import { describe, expect, it } from "@jest/globals";

import { type InventoryEntry, takeInventory, unknownPending } from "./inventory.ts";
import { PENDING } from "./pending-rpcs.ts";
import { type PublishedRpc, publishedRpcs } from "./published-rpcs.ts";
import { ROOT } from "./root.ts";

const GET_FILE: PublishedRpc = {
  service: "FileService",
  name: "GetFile",
  kind: "unary",
  request: "GetFileRequest",
  response: "GetFileResponse",
};

const SERVER = {
  "packages/server/src/files/files-service.ts": `
    import { FileServiceDefinition } from "@millrace/shared-types";
    import { service } from "../rpc/bind-service.js";
    import { getFile } from "./get-file.js";
    export const filesService = (deps) => service(FileServiceDefinition, {
      getFile: (request, context) => getFile(request, context, deps),
    });`,
  "packages/server/src/files/get-file.ts": `export async function getFile() {}`,
};

const SDK = {
  "packages/client-sdk/src/client.ts": `
    import { createFilesApi } from "./files/files-api.js";
    export function createClient() { return { files: createFilesApi() }; }`,
  "packages/client-sdk/src/files/files-api.ts": `
    import { stat } from "./stat.js";
    import { list } from "./list.js";
    export function createFilesApi(deps) {
      return { stat: (file) => stat(deps, file), list: () => list(deps) };
    }`,
  "packages/client-sdk/src/files/stat.ts": `
    import { FileServiceDefinition } from "@millrace/shared-types";
    import type { FilesApi } from "./files-api.js";
    export async function stat({ rpc }, file) {
      return rpc.unary(FileServiceDefinition, FileServiceDefinition.methods.getFile, { file });
    }`,
  "packages/client-sdk/src/files/list.ts": `export async function* list() {}`,
};

const TESTS = { "packages/server/src/files/get-file.test.ts": `it("GetFile answers NOT_FOUND", () => {});` };

const NOTHING_PENDING: ReadonlySet<string> = new Set();

function inventoryOf(sources: Record<string, string>, pending = NOTHING_PENDING): InventoryEntry {
  const [entry] = takeInventory([GET_FILE], new Map(Object.entries(sources)), pending);
  if (!entry) throw new Error("no entry");
  return entry;
}

describe("the inventory", () => {
  it("names who implements, calls and tests an RPC", () => {
    expect(inventoryOf({ ...SERVER, ...SDK, ...TESTS })).toEqual({
      rpc: GET_FILE,
      implementedBy: "packages/server/src/files/get-file.ts",
      sdkMethods: ["files.stat"],
      tests: ["packages/server/src/files/get-file.test.ts"],
      problems: [],
    });
  });

  it("finds handlers that a function returns, some of them spread, where they are bound", () => {
    const sources = {
      "packages/server/src/files/files-service.ts": `
        import { getFile } from "./get-file.js";
        export function filesService(deps): ServiceHandlers<typeof FileServiceDefinition, CallContext> {
          return { getFile: (request, context) => getFile(request, context, deps) };
        }`,
      "packages/server/src/files/get-file.ts": `export async function getFile() {}`,
    };
    const bound = (handlers: string) => `
      import { filesService } from "./files/files-service.js";
      export const services = (files) => [partialService(FileServiceDefinition, ${handlers})];`;
    const server = (handlers: string) => ({ ...sources, "packages/server/src/server.ts": bound(handlers) });
    expect(inventoryOf(server("filesService(files)")).implementedBy).toBe("packages/server/src/files/get-file.ts");
    expect(inventoryOf(server("{ ...filesService(files) }")).implementedBy).toBe(
      "packages/server/src/files/get-file.ts",
    );
    expect(inventoryOf(server("{}")).implementedBy).toBeUndefined();
  });

  it("misses a handler", () => {
    expect(inventoryOf({ ...SDK, ...TESTS }).problems).toEqual(["has no handler in packages/server"]);
  });

  it("misses a call, though the SDK's sources name the RPC where no method reaches it", () => {
    const unreached = {
      ...SDK,
      "packages/client-sdk/src/files/files-api.ts": `export const createFilesApi = () => ({});`,
    };
    expect(inventoryOf({ ...SERVER, ...unreached, ...TESTS }).problems).toEqual([
      "has no method in packages/client-sdk that calls it",
    ]);
  });

  it("misses a test, though a comment names the RPC", () => {
    const tests = { "packages/server/src/files/get-file.test.ts": `// GetFile, getFile` };
    expect(inventoryOf({ ...SERVER, ...SDK, ...tests }).problems).toEqual(["is named by no test"]);
  });

  it("does not take Node's writeFile for the RPC of that name", () => {
    const tests = {
      "e2e/src/files.test.ts": `import { writeFile } from "node:fs/promises"; await writeFile("a", "b");`,
    };
    const writeFile: PublishedRpc = { ...GET_FILE, name: "WriteFile" };
    expect(takeInventory([writeFile], new Map(Object.entries(tests)), NOTHING_PENDING)[0]?.tests).toEqual([]);
  });

  it("finds calls through destructured methods, and only those that are used", () => {
    const stat = `
      import { FileServiceDefinition } from "@millrace/shared-types";
      const { getFile, deleteFile: remove } = FileServiceDefinition.methods;
      export const stat = (deps, file) => deps.rpc.unary(FileServiceDefinition, getFile, { file });`;
    const sources = { ...SERVER, ...SDK, ...TESTS, "packages/client-sdk/src/files/stat.ts": stat };
    const deleteFile = { ...GET_FILE, name: "DeleteFile" };
    const [first, second] = takeInventory([GET_FILE, deleteFile], new Map(Object.entries(sources)), NOTHING_PENDING);
    expect(first?.sdkMethods).toEqual(["files.stat"]);
    expect(second?.sdkMethods).toEqual([]);
  });

  it("counts a typed client of the whole service as a method for each of its RPCs", () => {
    const client = `
      import { FileServiceDefinition } from "@millrace/shared-types";
      export const createClient = (rpc) => ({ raw: rawServices(rpc), with: (options) => createClient(rpc) });
      function rawServices(rpc) {
        return { files: createTypedClient(FileServiceDefinition, rpc) };
      }`;
    const sources = { ...SERVER, ...TESTS, "packages/client-sdk/src/client.ts": client };
    expect(inventoryOf(sources).sdkMethods).toEqual(["raw.files.getFile"]);
  });

  it("lets a pending RPC have nothing", () => {
    expect(inventoryOf({}, new Set(["FileService.GetFile"])).problems).toEqual([]);
  });

  it("wants an RPC off the pending list once it is implemented", () => {
    expect(inventoryOf(SERVER, new Set(["FileService.GetFile"])).problems).toEqual([
      "is implemented: take it off the pending list",
    ]);
  });

  it("knows when the pending list names what is not published", () => {
    expect(unknownPending([GET_FILE], new Set(["FileService.GetFile", "FileService.Gone"]))).toEqual([
      "FileService.Gone",
    ]);
  });
});

describe("the pending list", () => {
  it("has 8 RPCs, and is only ever made shorter", () => {
    expect(PENDING.size).toBe(3);
  });

  it("names published RPCs only", () => {
    expect(unknownPending(publishedRpcs(ROOT), PENDING)).toEqual([]);
  });
});

describe("the descriptors", () => {
  it("say the kind, the request and the response of each RPC", () => {
    const rpcs = publishedRpcs(ROOT);
    expect(rpcs).toContainEqual(GET_FILE);
    expect(rpcs).toContainEqual({
      service: "StreamingService",
      name: "UploadFile",
      kind: "client streaming",
      request: "FileChunk",
      response: "UploadResponse",
    });
  });
});
