import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { checkGenerated } from "./check-generated.ts";
import { editFile } from "./edit-file.ts";
import { temporaryContract } from "./temporary-contract.ts";

describe("the comparison of the generated code with the contract", () => {
  it("finds nothing right after generating", async () => {
    await using contract = await temporaryContract();
    expect(checkGenerated(contract.path)).toEqual([]);
  });

  it("notices a comment that was edited without generating again", async () => {
    await using contract = await temporaryContract();
    await editFile(
      join(contract.path, "proto/streaming/v1/file.proto"),
      "// FileChunk is a piece",
      "// FileChunk is one piece",
    );
    expect(checkGenerated(contract.path)).toEqual(["streaming/v1/file.ts: stale"]);
  });

  it("notices generated code that is edited, missing or left over", async () => {
    await using contract = await temporaryContract();
    const generated = join(contract.path, "gen/ts/streaming/v1");
    await editFile(join(generated, "chat.ts"), "export", "export  ");
    await rm(join(generated, "item.ts"));
    await writeFile(join(generated, "old.ts"), "");
    expect(checkGenerated(contract.path)).toEqual([
      "streaming/v1/chat.ts: stale",
      "streaming/v1/item.ts: missing",
      "streaming/v1/old.ts: generated from nothing",
    ]);
  });

  it("says why a contract cannot be generated", async () => {
    await using contract = await temporaryContract();
    await editFile(join(contract.path, "proto/streaming/v1/file.proto"), "message FileChunk {", "message FileChunk");
    expect(() => checkGenerated(contract.path)).toThrow(/file\.proto/);
  });
});
