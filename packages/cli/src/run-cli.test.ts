import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  CancelledError,
  type DownloadToOptions,
  type FileInfo,
  type FilesApi,
  NotFoundError,
  UnavailableError,
  type UploadOptions,
} from "@millrace/client-sdk";

import { type CommandRun, runCommand } from "./run-command.test.support.js";

const file: FileInfo = {
  fileId: "f1",
  filename: "dir/evil\u001B[31m.txt",
  size: 2048,
  sha256: "ab".repeat(32),
  crc32c: 1,
  contentType: "text/plain",
  metadata: { colour: "blue" },
  generation: 1,
  metageneration: 1,
  createdAt: new Date("2026-01-02T03:04:05.678Z"),
  updatedAt: new Date("2026-01-02T03:04:05.678Z"),
  expiresAt: undefined,
  owner: "",
};

/** What a command asked of the files API, as `[operation, ...arguments]`. */
type Call = readonly unknown[];

/** Runs a command against files that answer at once, or fail with `failure`. */
async function run(
  args: readonly string[],
  failure?: Error,
  signal = new AbortController().signal,
  refusal?: Error,
): Promise<CommandRun & { readonly calls: readonly Call[] }> {
  const calls: Call[] = [];
  const answer = async <T>(value: T, ...call: Call): Promise<T> => {
    calls.push(call);
    if (failure) throw failure;
    return value;
  };
  const files = {
    upload(source: unknown, options: UploadOptions) {
      options.onProgress?.({ sentBytes: 2048, committedBytes: 2048, totalBytes: 2048, bytesPerSecond: 1024 });
      return answer(file, "upload", source, options.filename);
    },
    downloadTo(fileId: string, path: unknown, options: DownloadToOptions) {
      options.onProgress?.({ receivedBytes: 2048, totalBytes: 2048, bytesPerSecond: 1024 });
      return answer(file, "downloadTo", fileId, path);
    },
    stat: (fileId: string) => answer(file, "stat", fileId),
    async *list({ prefix }: { readonly prefix?: string }) {
      yield await answer(file, "list", prefix);
    },
    delete: (fileId: string, { allowMissing }: { readonly allowMissing?: boolean }) =>
      answer(undefined, "delete", fileId, allowMissing),
  } as unknown as FilesApi;
  return { ...(await runCommand(args, { files, signal, ...(refusal && { refusal }) })), calls };
}

let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "run-cli-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

describe("millrace upload", () => {
  it("prints the id, and progress where it does not disturb", async () => {
    const { code, stdout, stderr, calls, closed } = await run(["upload", "/some/a.txt"]);
    expect({ code, stdout, calls, closed }).toEqual({
      code: 0,
      stdout: "f1\n",
      calls: [["upload", "/some/a.txt", "a.txt"]],
      closed: 1,
    });
    expect(stderr).toBe("upload a.txt: 100 % (2.0 KiB of 2.0 KiB, 1.0 KiB/s)\n");
  });

  it("prints exactly id, size and checksum as JSON", async () => {
    const { stdout } = await run(["upload", "a.txt", "--json"]);
    expect(stdout).toBe(`{"fileId":"f1","size":2048,"sha256":"${file.sha256}"}\n`);
  });

  it("names standard input, which has no name", async () => {
    const { calls } = await run(["upload", "-"]);
    expect(calls).toEqual([["upload", process.stdin, "stdin"]]);
  });

  it("takes the name and the target, before or after the file", async () => {
    const { calls, targets } = await run(["upload", "--target", "example:1", "a.txt", "--name", "dir/b"]);
    expect(calls).toEqual([["upload", "a.txt", "dir/b"]]);
    expect(targets).toEqual(["example:1"]);
  });
});

describe("millrace download", () => {
  it("writes to the path and prints nothing", async () => {
    const path = join(directory, "new.txt");
    const { code, stdout, calls } = await run(["download", "f1", path]);
    expect({ code, stdout, calls }).toEqual({ code: 0, stdout: "", calls: [["downloadTo", "f1", path]] });
  });

  it("writes into a directory under the last part of the name", async () => {
    const { calls } = await run(["download", "f1", directory]);
    expect(calls).toEqual([
      ["stat", "f1"],
      ["downloadTo", "f1", join(directory, "evil\u001B[31m.txt")],
    ]);
  });

  it("writes to standard output", async () => {
    const { calls } = await run(["download", "f1", "-"]);
    expect(calls).toEqual([["downloadTo", "f1", process.stdout]]);
  });
});

describe("millrace ls, stat and rm", () => {
  it("lists a line per file, with nothing in it that a terminal would act on", async () => {
    const { stdout, calls } = await run(["ls", "dir/"]);
    expect(stdout).toBe("f1     2.0 KiB  2026-01-02T03:04:05Z  dir/evil\\u{1b}[31m.txt\n");
    expect(calls).toEqual([["list", "dir/"]]);
  });

  it("lists JSON, one file per line", async () => {
    const { stdout } = await run(["ls", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ fileId: "f1", createdAt: "2026-01-02T03:04:05.678Z" });
  });

  it("describes a file, line by line or as JSON", async () => {
    const { stdout } = await run(["stat", "f1"]);
    expect(stdout).toContain("size            2048\n");
    expect(stdout).toContain('metadata        {"colour":"blue"}\n');
    expect(stdout).not.toContain("\u001B");
    expect(JSON.parse((await run(["stat", "f1", "--json"])).stdout)).toMatchObject({ size: 2048 });
  });

  it("deletes, also what is not there with --force", async () => {
    expect(await run(["rm", "f1"])).toMatchObject({ code: 0, stdout: "", calls: [["delete", "f1", false]] });
    expect(await run(["rm", "-f", "f1"])).toMatchObject({ calls: [["delete", "f1", true]] });
  });
});

describe("the exit code", () => {
  it("is 1 after a failed call, with code and reason in one line", async () => {
    const details = { reason: "RESOURCE_NOT_FOUND", metadata: {}, unknown: [] };
    const { code, stdout, stderr, closed } = await run(
      ["stat", "f1"],
      new NotFoundError('file "f1\n" not found', { details }),
    );
    expect({ code, stdout, closed }).toEqual({ code: 1, stdout: "", closed: 1 });
    expect(stderr).toBe('millrace: NOT_FOUND RESOURCE_NOT_FOUND: file "f1\\u{0a}" not found\n');
  });

  it("is 1 when a local file cannot be read", async () => {
    const { code, stderr } = await run(["upload", "a"], new Error("ENOENT: no such file or directory, open 'a'"));
    expect(code).toBe(1);
    expect(stderr.trimEnd().split("\n").at(-1)).toBe("millrace: ENOENT: no such file or directory, open 'a'");
  });

  it.each([
    [[]],
    [["upload"]],
    [["nonsense"]],
    [["download", "only-an-id"]],
    [["ls", "--nonsense"]],
    [["rm", "a", "b"]],
    [["upload", "a", "--name"]],
    [["publish"]],
    [["publish", "a", "--attribute", "b"]],
    [["publish", "a", "--lines", "--id", "b"]],
    [["publish", "a", "--ndjson", "--data", "b"]],
    [["watch", "--limit", "0"]],
    [["watch", "--limit", "1e3"]],
    [["tail", "-n", "1001"]],
    [["subscribe"]],
    [["subscribe", "a", "--from", "beginning"]],
    [["subscribe", "a", "--type", "b"]],
    [["chat"]],
    [["chat", "a", "--history", "-1"]],
  ])("is 2 for the wrong usage %j, and nothing is called", async (args) => {
    const { code, stdout, stderr, calls } = await run(args);
    expect({ code, stdout, calls }).toEqual({ code: 2, stdout: "", calls: [] });
    expect(stderr).not.toBe("");
  });

  it("is 0 for help", async () => {
    const { code, stdout } = await run(["--help"]);
    expect(code).toBe(0);
    const files = ["upload", "download", "ls", "stat", "rm"];
    const events = ["publish", "watch", "tail", "subscribe", "log"];
    for (const command of [...files, ...events, "chat"]) expect(stdout).toContain(`\n  ${command} `);
  });

  it("is 0 for the version, which goes to standard output", async () => {
    const { code, stdout, calls } = await run(["--version"]);
    expect({ code, calls }).toEqual({ code: 0, calls: [] });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("is 1 when there is no server", async () => {
    const refused = new UnavailableError("connect ECONNREFUSED 127.0.0.1:1");
    const { code, stderr, calls } = await run(["ls"], refused, undefined, refused);
    expect({ code, calls }).toEqual({ code: 1, calls: [] });
    expect(stderr).toBe("millrace: UNAVAILABLE: connect ECONNREFUSED 127.0.0.1:1\n");
  });

  it("is 130 after Ctrl-C, without promises for a command that begins anew", async () => {
    const { code, stderr } = await run(["ls"], new CancelledError("cancelled"), AbortSignal.abort());
    expect({ code, stderr }).toEqual({ code: 130, stderr: "millrace: interrupted\n" });
  });

  it("is 130 after Ctrl-C, with the advice to run it again", async () => {
    const interrupted = AbortSignal.abort();
    const { code, stderr } = await run(["upload", "a"], new CancelledError("cancelled"), interrupted);
    expect(code).toBe(130);
    expect(stderr).toContain("run again");
  });
});
