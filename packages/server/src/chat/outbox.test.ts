import { describe, expect, it } from "@jest/globals";
import { type ChatMessage, EncodedMessages } from "@millrace/shared-types";

import { controlMessage } from "./control-message.js";
import { Outbox } from "./outbox.js";

function control(roomId: string): ChatMessage {
  return controlMessage({ $case: "leave", value: {} }, { roomId });
}

/** A source that has one message each time that it is asked. */
function source(name: string, log: string[]): { read(): Promise<readonly Uint8Array[]> } {
  return {
    read: async () => {
      log.push(`read ${name}`);
      return Promise.resolve([Buffer.from(name)]);
    },
  };
}

function nameOf(sent: ChatMessage | EncodedMessages): string {
  return sent instanceof EncodedMessages ? Buffer.concat(sent.toBytes()).toString() : sent.roomId;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

describe("the outbox", () => {
  it("sends answers first, then messages and notices in turn", async () => {
    const outbox = new Outbox(new AbortController().signal, () => {});
    const log: string[] = [];
    for (const name of ["m1", "m2", "m3"]) outbox.ready(source(name, log));
    for (const name of ["n1", "n2"]) outbox.notice(name, control(name));
    for (const name of ["c1", "c2"]) outbox.put(control(name));
    const sent: string[] = [];
    for await (const message of outbox.messages()) if (sent.push(nameOf(message)) === 7) break;
    expect(sent.slice(0, 2)).toEqual(["c1", "c2"]);
    expect(sent.filter((name) => name.startsWith("m"))).toEqual(["m1", "m2", "m3"]);
    expect(sent.filter((name) => name.startsWith("n"))).toEqual(["n1", "n2"]);
    expect(sent.indexOf("n1")).toBeLessThan(sent.indexOf("m3"));
  });

  it("never lets messages overtake an answer that came before them, at whatever moment they come", async () => {
    for (let moment = 0; moment < 30; moment += 1) {
      const outbox = new Outbox(new AbortController().signal, () => {});
      const messages = outbox.messages();
      outbox.ready(source("before", []));
      const sent = [messages.next(), messages.next(), messages.next()];
      await turns(moment);
      outbox.put(control("joined"));
      outbox.ready(source("message", []));
      const names = (await Promise.all(sent)).map(({ value }) => nameOf(value as ChatMessage));
      expect([...names].sort()).toEqual(["before", "joined", "message"]);
      expect(names.indexOf("joined")).toBeLessThan(names.indexOf("message"));
      await messages.return();
    }
  });

  it("asks a source only when what came before is taken", async () => {
    const outbox = new Outbox(new AbortController().signal, () => {});
    const log: string[] = [];
    const messages = outbox.messages();
    for (const name of ["a", "b"]) outbox.ready(source(name, log));
    expect(nameOf((await messages.next()).value as ChatMessage)).toBe("a");
    await turns(50);
    expect(log).toEqual(["read a"]);
    await messages.return();
  });

  it("keeps the newest of each notice, and of all the newest 256", async () => {
    const outbox = new Outbox(new AbortController().signal, () => {});
    for (let number = 0; number < 300; number += 1) outbox.notice(String(number), control(String(number)));
    outbox.notice("299", control("newest"));
    outbox.put(control("end"));
    const sent: string[] = [];
    for await (const message of outbox.messages()) if (sent.push(nameOf(message)) === 257) break;
    expect(sent).toEqual(["end", ...Array.from({ length: 255 }, (_, index) => String(44 + index)), "newest"]);
  });

  it("has whoever answers wait while sixteen answers wait, until one is taken or nobody takes them any more", async () => {
    const outbox = new Outbox(new AbortController().signal, () => {});
    for (let number = 0; number < 15; number += 1) outbox.put(control(String(number)));
    await outbox.untilRoom();
    outbox.put(control("15"));
    let isFull = true;
    const room = outbox.untilRoom().then(() => (isFull = false));
    await turns(50);
    expect(isFull).toBe(true);
    const messages = outbox.messages();
    await messages.next();
    await room;
    outbox.put(control("16"));
    const end = outbox.untilRoom();
    await messages.return();
    await end;
  });

  it("ends when all answers are sent and all sources are done, or fails at once", async () => {
    const finished = new Outbox(new AbortController().signal, () => {});
    finished.put(control("answer"));
    let isDone = false;
    finished.finish(() => isDone);
    const messages = finished.messages();
    expect(nameOf((await messages.next()).value as ChatMessage)).toBe("answer");
    const end = messages.next();
    isDone = true;
    finished.ready(source("last", []));
    expect((await end).done).toBe(true);
    const failed = new Outbox(new AbortController().signal, () => {});
    const waiting = failed.messages().next();
    failed.fail(new Error("first"));
    failed.fail(new Error("second"));
    await expect(waiting).rejects.toThrow("first");
    const abort = new AbortController();
    const aborted = new Outbox(abort.signal, () => {}).messages().next();
    abort.abort(new Error("the call ended"));
    await expect(aborted).rejects.toThrow("the call ended");
  });
});
