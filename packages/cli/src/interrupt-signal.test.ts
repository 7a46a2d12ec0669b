import { EventEmitter } from "node:events";

import { describe, expect, it } from "@jest/globals";

import { interruptSignal } from "./interrupt-signal.js";

describe("Ctrl-C", () => {
  it("interrupts, counts once however often it is passed on, and ends the process when it comes again", () => {
    const process = new EventEmitter();
    const exits: number[] = [];
    let nowMs = 1000;
    const signal = interruptSignal(process, { exit: (code) => void exits.push(code), now: () => nowMs });
    expect(signal.aborted).toBe(false);
    process.emit("SIGINT");
    expect(signal.aborted).toBe(true);
    nowMs += 400;
    process.emit("SIGINT");
    process.emit("SIGTERM");
    expect(exits).toEqual([]);
    nowMs += 101;
    process.emit("SIGINT");
    expect(exits).toEqual([130]);
  });
});
