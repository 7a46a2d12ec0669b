import { describe, expect, it } from "@jest/globals";

import { MessageSlot } from "./message-slot.js";

const message = (n: number): Uint8Array => Uint8Array.of(n);

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending;
}

describe("MessageSlot", () => {
  it("holds one message and makes the next one wait until it is taken", async () => {
    const slot = new MessageSlot();
    expect(await slot.put(message(1))).toBe(true);
    const second = slot.put(message(2));
    expect(await isPending(second)).toBe(true);
    expect(await slot.take()).toEqual(message(1));
    expect(await second).toBe(true);
    expect(await slot.take()).toEqual(message(2));
  });

  it("hands a message straight to whoever waits for it", async () => {
    const slot = new MessageSlot();
    const taken = slot.take();
    await slot.put(message(1));
    expect(await taken).toEqual(message(1));
    expect(await slot.put(message(2))).toBe(true);
  });

  it("gives what was put before its end, then nothing, and is drained only then", async () => {
    const slot = new MessageSlot();
    await slot.put(message(1));
    slot.end();
    expect(await isPending(slot.drained)).toBe(true);
    expect(await slot.take()).toEqual(message(1));
    await slot.drained;
    expect(await slot.take()).toBeUndefined();
    expect(await slot.put(message(2))).toBe(false);
  });

  it("refuses at its end what it has no room for", async () => {
    const slot = new MessageSlot();
    await slot.put(message(1));
    const second = slot.put(message(2));
    slot.end();
    expect(await second).toBe(false);
    expect(await slot.take()).toEqual(message(1));
    expect(await slot.take()).toBeUndefined();
  });

  it("settles everybody when it is closed and drops what it held", async () => {
    const full = new MessageSlot();
    await full.put(message(1));
    const waiting = full.put(message(2));
    full.close();
    expect(await waiting).toBe(false);
    expect(await full.take()).toBeUndefined();
    await full.drained;

    const empty = new MessageSlot();
    const taker = empty.take();
    empty.close();
    expect(await taker).toBeUndefined();
  });
});
