import { PassThrough, Readable } from "node:stream";

import { describe, expect, it } from "@jest/globals";

import { linesOf } from "./lines-of.js";

const NEVER = new AbortController().signal;

async function allOf(...chunks: readonly (string | Buffer)[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(Readable.from(chunks), NEVER)) lines.push(line);
  return lines;
}

describe("the lines of a stream", () => {
  it("end with a newline, but for the last", async () => {
    expect(await allOf("a\nb\r\n\nc")).toEqual(["a", "b", "", "c"]);
    expect(await allOf("a\n")).toEqual(["a"]);
    expect(await allOf()).toEqual([]);
  });

  it("are whole wherever the stream is cut, also within a character", async () => {
    const bytes = Buffer.from("grün\n文件\n");
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(await allOf(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(["grün", "文件"]);
    }
  });

  it("are not longer than memory allows", async () => {
    const megabyte = Buffer.alloc(1024 * 1024, "x");
    await expect(allOf(...Array.from({ length: 5 }, () => megabyte))).rejects.toThrow("longer than 4194304 bytes");
  });

  it("come as they are written, and end when nobody wants more", async () => {
    const input = new PassThrough();
    const stop = new AbortController();
    const lines = linesOf(input, stop.signal);
    input.write("one\ntw");
    expect(await lines.next()).toEqual({ done: false, value: "one" });
    const waiting = lines.next();
    stop.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(input.destroyed).toBe(true);
    expect((await linesOf(new PassThrough(), stop.signal).next()).done).toBe(true);
  });

  it("fail as the stream does", async () => {
    const input = new PassThrough();
    input.destroy(new Error("broken"));
    await expect(linesOf(input, NEVER).next()).rejects.toThrow("broken");
  });
});
