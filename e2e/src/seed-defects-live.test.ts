import { once } from "node:events";

import { type ClientReadableStream, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient, type StreamingClient } from "@millrace/client-sdk";
import { within } from "@millrace/client-sdk/testing";

import { hear, type Heard } from "./support/heard.js";
import { openSeedClient, type SeedChatMessage, type SeedClient, type SeedEvent } from "./support/seed-client.js";
import { startServerProcess, type ServerProcess } from "./support/server-process.js";
import { makeTempDir, type TempDir } from "./support/temp-dir.js";
import { openWatchLoop } from "./support/watch-loop.js";

/** Each defect of the seeds' watches and chats, as a client of the seed would meet it. */
describe("defects of the seed's live streams that must not come back", () => {
  let dir: TempDir;
  let server: ServerProcess;
  let client: SeedClient;
  let sdk: StreamingClient;

  beforeAll(async () => {
    dir = await makeTempDir();
    server = await startServerProcess({ dataDir: dir.path });
    client = openSeedClient(server.target);
    sdk = createClient({ target: server.target });
  });

  afterAll(async () => {
    client.close();
    await sdk.close();
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  /** Publishes events of a type; their payloads are numbers from 0. */
  const publish = async (type: string, count: number, from = 0): Promise<void> => {
    for (let n = from; n < from + count; n++) await sdk.events.publish({ type, payload: String(n) });
  };

  describe("S8: no way to publish, no filter, and a watcher that was away or slow lost events", () => {
    it("hands a seed client all that is published after its headers, in order, and nothing else", async () => {
      await publish("s8.before", 3);
      const call = client.watchEvents({});
      const heard = hearEvents(call);
      await heard.accepted;
      await publish("s8.after", 50);
      await heard.reached(50);
      // A control would show itself as an event without an id.
      expect(heard.messages.map(({ payload }) => payload.toString())).toEqual(numbers(50));
      for (const { id, type, timestamp } of heard.messages) {
        expect(id).not.toBe("");
        expect(type).toBe("s8.after");
        expect(timestamp?.seconds).toBeGreaterThan(1_700_000_000);
      }
      call.cancel();
    });

    it("applies event_types and filter", async () => {
      const typed = client.watchEvents({ event_types: ["s8.wanted"] });
      const filtered = client.watchEvents({ filter: 'event.type == "s8.wanted" && size(event.id) > 0' });
      const [heard, heardFiltered] = [hearEvents(typed), hearEvents(filtered)];
      await Promise.all([heard.accepted, heardFiltered.accepted]);
      await publish("s8.unwanted", 2);
      await publish("s8.wanted", 2);
      await Promise.all([heard.reached(2), heardFiltered.reached(2)]);
      for (const { messages } of [heard, heardFiltered])
        expect(messages.map(({ type }) => type)).toEqual(["s8.wanted", "s8.wanted"]);
      typed.cancel();
      filtered.cancel();
    });

    it("refuses a filter that is none instead of watching everything", async () => {
      const heard = hearEvents(client.watchEvents({ filter: "event.type ==" }));
      expect(await heard.status).toMatchObject({ code: status.INVALID_ARGUMENT });
    });

    it("is not held up, and loses nothing, because one watcher does not read", async () => {
      const stalled = client.watchEvents({ event_types: ["s8.slow"] });
      await once(stalled, "metadata");
      stalled.pause();
      const quick = client.watchEvents({ event_types: ["s8.slow"] });
      const heard = hearEvents(quick);
      await heard.accepted;
      const payload = Buffer.alloc(100_000);
      for (let n = 0; n < 100; n++) await sdk.events.publish({ type: "s8.slow", payload });
      await heard.reached(100);
      const late = hearEvents(stalled);
      stalled.resume();
      await late.reached(100);
      expect(late.messages.map(({ id }) => id)).toEqual(heard.messages.map(({ id }) => id));
      stalled.cancel();
      quick.cancel();
    });

    it("keeps the promise of the seed's loop: reconnects on errors, and with resume tokens misses nothing", async () => {
      const loop = openWatchLoop(server.target, { event_types: ["s8.loop"] });
      await loop.watching;
      await publish("s8.loop", 20);
      await loop.reached(10);
      const killed = server;
      await killed.kill();
      server = await startServerProcess({ dataDir: dir.path, port: killed.port });
      await publish("s8.loop", 20, 20); // some of them before the loop has come back
      await loop.reached(40);
      expect(loop.events.map(({ payload }) => payload.toString())).toEqual(numbers(40));
      expect(loop.connects).toBeGreaterThan(1);
      await loop.stop();
    });
  });

  describe("S12: the server crashed at a half-close, and one slow member stalled the room", () => {
    it("ends with OK after a half-close, and everything that was written before is stored and heard", async () => {
      const call = client.chat();
      const heard = hearChat(call);
      for (let n = 0; n < 10; n++) call.write({ room_id: "s12", content: String(n) });
      call.end();
      expect(await heard.status).toMatchObject({ code: status.OK });
      expect(heard.messages.map(({ content }) => content)).toEqual(numbers(10));
      const stored: string[] = [];
      for await (const { content } of sdk.chat.history("s12")) stored.push(content);
      expect(stored).toEqual(numbers(10));
    });

    it("ends with OK after a half-close of somebody who said nothing", async () => {
      const call = client.chat();
      const heard = hearChat(call);
      await heard.accepted;
      call.end();
      expect(await heard.status).toMatchObject({ code: status.OK });
    });

    it("lets a room go on while a member does not read", async () => {
      const stalled = client.chat();
      const heardByStalled = hearChat(stalled);
      stalled.write({ room_id: "s12-slow", content: "I am here" });
      await heardByStalled.reached(1);
      stalled.pause();
      const others = Array.from({ length: 5 }, () => client.chat());
      const heard = others.map((call) => hearChat(call));
      for (const call of others) call.write({ room_id: "s12-slow", content: "so am I" });
      for (const one of heard) await one.reached(1);
      // More than any buffer on the way to the stalled one holds, and less than the rate limit lets through at once.
      for (const call of others)
        for (let n = 0; n < 28; n++) call.write({ room_id: "s12-slow", content: "x".repeat(16_000) });
      await Promise.all(heard.map((one) => one.reached(5 * 28)));
      expect(heardByStalled.messages.length).toBeLessThan(5 * 28);
      for (const call of [stalled, ...others]) call.cancel();
    });
  });

  describe("S13: whoever named a room heard another one", () => {
    it("lets members hear their room and no other, and those who only read hear general", async () => {
      const [blue, red, reader] = [client.chat(), client.chat(), client.chat()];
      const [inBlue, inRed, inGeneral] = [hearChat(blue), hearChat(red), hearChat(reader)];
      await inGeneral.accepted;
      blue.write({ room_id: "s13-blue", content: "blue 1" });
      red.write({ room_id: "s13-red", content: "red 1" });
      await Promise.all([inBlue.reached(1), inRed.reached(1)]);
      await sdk.chat.send("s13-blue", "blue 2");
      await sdk.chat.send("s13-red", "red 2");
      await sdk.chat.send("general", "general 1");
      await Promise.all([inBlue.reached(2), inRed.reached(2), inGeneral.reached(1)]);
      for (const call of [blue, red, reader]) call.end();
      await within(Promise.all([inBlue, inRed, inGeneral].map((heard) => heard.status)), "all three have ended");
      expect(contentsOf(inBlue.messages)).toEqual(["blue 1", "blue 2"]);
      expect(contentsOf(inRed.messages)).toEqual(["red 1", "red 2"]);
      expect(contentsOf(inGeneral.messages)).toEqual(["general 1"]);
      expect(inBlue.messages.map(({ room_id }) => room_id)).toEqual(["s13-blue", "s13-blue"]);
    });

    it("says itself who wrote and when", async () => {
      const call = client.chat();
      const heard = hearChat(call);
      call.write({ room_id: "s13-names", content: "it is me", user_id: "root", timestamp: { seconds: 1, nanos: 0 } });
      await heard.reached(1);
      const [message] = heard.messages;
      expect(message?.user_id).not.toBe("root");
      expect(message?.timestamp?.seconds).toBeGreaterThan(1_700_000_000);
      call.cancel();
    });
  });
});

const hearEvents = (call: ClientReadableStream<SeedEvent>): Heard<SeedEvent> => hear(call);
const hearChat = (call: ClientReadableStream<SeedChatMessage>): Heard<SeedChatMessage> => hear(call);
const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));
const contentsOf = (messages: readonly { readonly content: string }[]): string[] =>
  messages.map(({ content }) => content);
