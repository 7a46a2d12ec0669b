import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { checkBreaking } from "./check-breaking.ts";
import { editFile } from "./edit-file.ts";
import { temporaryContract } from "./temporary-contract.ts";

function git(root: string, ...args: string[]): void {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgSign=false"];
  expect(spawnSync("git", [...identity, ...args], { cwd: root, encoding: "utf8" })).toMatchObject({ status: 0 });
}

describe("the comparison with older contracts", () => {
  it("finds nothing broken in the contract as it is", async () => {
    await using contract = await temporaryContract();
    expect(checkBreaking(contract.path)).toEqual([{ against: "the seed", problems: "" }]);
  });

  it("refuses to renumber a field of the seed", async () => {
    await using contract = await temporaryContract();
    await editFile(
      join(contract.path, "proto/streaming/v1/file.proto"),
      "int64 total_size = 3;",
      "int64 total_size = 33;",
    );
    expect(checkBreaking(contract.path)).toEqual([
      { against: "the seed", problems: expect.stringMatching(/field "3" .*"total_size" on message "FileChunk"/) },
    ]);
  });

  it("refuses to remove an RPC of the seed", async () => {
    await using contract = await temporaryContract();
    const file = join(contract.path, "proto/streaming/v1/stream_service.proto");
    await editFile(file, "rpc Chat(stream ChatMessage) returns (stream ChatMessage);", "");
    expect(checkBreaking(contract.path)).toEqual([
      { against: "the seed", problems: expect.stringMatching(/RPC "Chat" on service "StreamService" was deleted/) },
    ]);
  });

  it("refuses to rename what only the last release has", async () => {
    await using contract = await temporaryContract();
    git(contract.path, "init", "--quiet");
    git(contract.path, "add", ".");
    git(contract.path, "commit", "--quiet", "--message", "release");
    git(contract.path, "tag", "v1.2.3");
    await editFile(join(contract.path, "proto/streaming/v1/file.proto"), "bool finish_write = 7;", "bool finish = 7;");
    expect(checkBreaking(contract.path)).toEqual([
      { against: "the seed", problems: "" },
      { against: "v1.2.3", problems: expect.stringMatching(/"finish_write"/) },
    ]);
  });
});
