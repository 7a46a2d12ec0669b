import { describe, expect, it } from "@jest/globals";

import { MemoryResumeStore } from "./resume-store.js";
import { openFiles, testBytes } from "./open-files.test.support.js";
import type { FilesApi } from "./files-api.js";

type Ask = (files: FilesApi, options: never) => unknown;

const operations: Readonly<Record<string, Ask>> = {
  upload: (files, options: object) => files.upload(testBytes(1), { filename: "a", ...options }),
  download: (files, options) => files.download("id", options),
  downloadTo: (files, options) => files.downloadTo("id", "/nowhere/a", options),
  stat: (files, options) => files.stat("id", options),
  list: (files, options) => files.list(options),
  update: (files, options) => files.update("id", {}, options),
  changes: (files, changes) => files.update("id", changes),
  delete: (files, options) => files.delete("id", options),
};

describe("the options of the files API", () => {
  it.each([
    ["upload", { onprogress: 1 }, "unknown option 'onprogress' - did you mean onProgress?"],
    ["upload", { resume: { maxAttempt: 1 } }, "unknown option 'resume.maxAttempt' - did you mean resume.maxAttempts?"],
    ["upload", { filename: undefined }, "option 'filename' is missing"],
    ["upload", { size: Number.NaN }, "option 'size' is NaN"],
    ["download", { chunkSize: 1 }, "unknown option 'chunkSize' - did you mean chunkBytes?"],
    ["download", { resume: { store: new MemoryResumeStore() } }, "unknown option 'resume.store'"],
    ["downloadTo", { paralel: 2 }, "unknown option 'paralel' - did you mean parallel?"],
    ["stat", { timeout: 1 }, "unknown option 'timeout' - did you mean timeoutMs?"],
    ["stat", { timeoutMs: "1" }, `option 'timeoutMs' is "1"`],
    ["list", { pagesize: 1 }, "unknown option 'pagesize' - did you mean pageSize?"],
    ["update", { ifGenerationMatch: 1 }, "did you mean ifMetagenerationMatch?"],
    ["changes", { content_type: "a" }, "unknown option 'content_type' - did you mean contentType?"],
    ["delete", { allow_missing: true }, "unknown option 'allow_missing' - did you mean allowMissing?"],
  ])("refuse for %s: %j", async (operation, options, message) => {
    await using opened = openFiles();
    const ask = async (): Promise<unknown> => operations[operation]?.(opened.files, options as never);
    await expect(ask()).rejects.toThrow(message);
    expect(opened.faults.started).toBe(0);
  });

  it("wants options for an upload", async () => {
    await using opened = openFiles();
    expect(() => opened.files.upload(testBytes(1), undefined as never)).toThrow("option 'filename' is missing");
  });
});
