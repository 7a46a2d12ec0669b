import { describe, expect, it } from "@jest/globals";

import { ProgressBar } from "./progress-bar.js";
import { RecordingTerminal } from "./terminal.test.support.js";

const MIB = 1024 * 1024;
const at = (doneBytes: number) => ({ doneBytes, totalBytes: 100 * MIB, bytesPerSecond: 10 * MIB });

/** What a screen shows: each part after the last time that the line was cleared. */
const drawings = (terminal: RecordingTerminal): string[] => terminal.stderr.split("\r\u001B[2K").slice(1);

describe("a progress bar on a screen", () => {
  it("shows share, bytes, rate and time left, over the same line", () => {
    const terminal = new RecordingTerminal({ isInteractive: true, columns: 100 });
    let now = 0;
    const bar = new ProgressBar(terminal, "upload a", () => (now += 1000));
    bar.update(at(25 * MIB));
    bar.update(at(50 * MIB));
    const [first, second] = drawings(terminal);
    expect(first).toMatch(/^upload a \[#{9}-{27,}\] {3}25 % {2}25\.0 MiB \/ 100\.0 MiB {2}10\.0 MiB\/s {2}ETA 0:08$/);
    expect(second).toContain("ETA 0:05");
    expect(terminal.stderr).not.toContain("\n");
  });

  it("is drawn ten times a second at most, and once more at the end", () => {
    const terminal = new RecordingTerminal({ isInteractive: true });
    let now = 0;
    const bar = new ProgressBar(terminal, "x", () => now);
    for (now = 0; now < 1000; now++) bar.update(at((now * MIB) / 10));
    expect(drawings(terminal)).toHaveLength(10);
    bar.finish();
    bar.finish();
    expect(drawings(terminal)).toHaveLength(11);
    expect(terminal.stderr.endsWith("\n")).toBe(true);
  });

  it.each([10, 20, 40, 60, 80, 200])("fits into %d columns", (columns) => {
    const terminal = new RecordingTerminal({ isInteractive: true, columns });
    new ProgressBar(terminal, "upload a-name-of-some-length").update(at(50 * MIB));
    expect(drawings(terminal)[0]?.length).toBeLessThan(columns);
  });

  it("does without a total", () => {
    const terminal = new RecordingTerminal({ isInteractive: true });
    new ProgressBar(terminal, "x").update({ doneBytes: MIB, bytesPerSecond: 0 });
    expect(drawings(terminal)).toEqual(["x  1.0 MiB  0 B/s"]);
  });
});

describe("progress without a screen", () => {
  it("is a plain line every 10 %", () => {
    const terminal = new RecordingTerminal();
    const bar = new ProgressBar(terminal, "upload \u001B[2Ja");
    for (let done = 0; done <= 100; done++) bar.update(at(done * MIB));
    bar.finish();
    const lines = terminal.stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(10);
    expect(lines[0]).toBe("upload \\u{1b}[2Ja: 10 % (10.0 MiB of 100.0 MiB, 10.0 MiB/s)");
    expect(lines[9]).toContain("100 %");
  });

  it("is a line every 64 MiB if the total is not known", () => {
    const terminal = new RecordingTerminal();
    const bar = new ProgressBar(terminal, "x");
    for (let done = 0; done < 200; done++) bar.update({ doneBytes: done * MIB, bytesPerSecond: MIB });
    expect(terminal.stderr.split("\n").filter(Boolean)).toEqual([
      "x: (64.0 MiB, 1.0 MiB/s)",
      "x: (128.0 MiB, 1.0 MiB/s)",
      "x: (192.0 MiB, 1.0 MiB/s)",
    ]);
  });

  it("is complete at once for an empty file", () => {
    const terminal = new RecordingTerminal();
    new ProgressBar(terminal, "x").update({ doneBytes: 0, totalBytes: 0, bytesPerSecond: 0 });
    expect(terminal.stderr).toBe("x: 100 % (0 B of 0 B, 0 B/s)\n");
  });
});
