import { EventEmitter } from "node:events";

import { describe, expect, it } from "@jest/globals";

import { watchOutput } from "./watch-output.js";

function failing(stream: "stdout" | "stderr", code: string): { readonly exits: number[]; readonly stderr: string } {
  const [stdout, stderr] = [new EventEmitter(), new EventEmitter()];
  const exits: number[] = [];
  let text = "";
  watchOutput({ stdout, stderr, err: (line) => (text += line), exit: (exit) => exits.push(exit) });
  (stream === "stdout" ? stdout : stderr).emit("error", Object.assign(new Error(`${code}: write`), { code }));
  return { exits, stderr: text };
}

describe("a command whose output fails", () => {
  it("ends without a word if its reader has left", () => {
    expect(failing("stdout", "EPIPE")).toEqual({ exits: [141], stderr: "" });
  });

  it("fails if the disk is full", () => {
    expect(failing("stdout", "ENOSPC")).toEqual({ exits: [1], stderr: "millrace: ENOSPC: write\n" });
  });

  it("goes on if only its messages are not read", () => {
    expect(failing("stderr", "EPIPE")).toEqual({ exits: [], stderr: "" });
  });
});
