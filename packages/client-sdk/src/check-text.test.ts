import { describe, expect, it } from "@jest/globals";

import { createClient, type StreamingClient } from "./client.js";

/** Its UTF-8 is that of "s\ufffd", and of every other half. */
const HALF = "s\ud800";
const ATTRIBUTES = { [HALF]: "a" };

type Ask = (client: StreamingClient) => unknown;

/** What is asked with half a surrogate pair, and how it is called when it is refused. */
const ASKED: readonly (readonly [what: string, name: string, ask: Ask])[] = [
  ["a key that is put", "'key'", ({ data }) => data.put({ key: HALF })],
  ["a name that is put", "'name'", ({ data }) => data.put({ name: HALF })],
  ["a type that is put", "'contentType'", ({ data }) => data.put({ contentType: HALF })],
  [
    "a name of an attribute that is put",
    "the name of an attribute",
    ({ data }) => data.put({ attributes: ATTRIBUTES }),
  ],
  ["an attribute that is put", 'attribute "a"', ({ data }) => data.put({ attributes: { a: HALF } })],
  ["a key that is imported", "'key'", ({ data }) => data.import([{ key: HALF }])],
  ["a key that is deleted", "'key'", ({ data }) => data.delete(HALF)],
  ["a key that is got", "'key'", ({ data }) => data.get(HALF)],
  ["a change that deletes", "'delete'", ({ data }) => data.mutate([{ delete: HALF }])],
  ["a key of changes", "'idempotencyKey'", ({ data }) => data.mutate([], { idempotencyKey: HALF })],
  ["a prefix of items", "'prefix'", ({ data }) => data.list({ prefix: HALF })],
  ["the first key", "'startKey'", ({ data }) => data.list({ startKey: HALF })],
  ["the last key", "'endKey'", ({ data }) => data.list({ endKey: HALF })],
  ["a file that is uploaded", "'filename'", ({ files }) => files.upload(new Uint8Array(1), { filename: HALF })],
  ["a file's metadata", 'metadata "a"', ({ files }) => files.update("id", { metadata: { a: HALF } })],
  ["a file's new name", "'filename'", ({ files }) => files.update("id", { filename: HALF })],
  ["a file that is described", "'filename'", ({ files }) => files.stat({ filename: HALF })],
  ["a prefix of files", "'prefix'", ({ files }) => files.list({ prefix: HALF })],
  ["a label", 'label "a"', ({ metrics }) => metrics.send([{ name: "a", value: 1, labels: { a: HALF } }])],
  ["a label of a reporter", 'label "a"', ({ metrics }) => metrics.reporter({ labels: { a: HALF } })],
  ["a metric", "'name'", ({ metrics }) => metrics.send([{ name: HALF, value: 1 }])],
  ["a metric that is queried", "'name'", ({ metrics }) => metrics.query(HALF)],
  ["a producer", "'producerId'", ({ metrics }) => metrics.send([], { producerId: HALF })],
  ["a batch", "'batchId'", ({ batch }) => batch.process([], { batchId: HALF })],
  ["a batch that is described", "'batchId'", ({ batch }) => batch.get(HALF)],
  ["a batch that is cancelled", "'batchId'", ({ batch }) => batch.cancel(HALF)],
  ["a batch with results", "'batchId'", ({ batch }) => batch.results(HALF)],
  ["a room that is joined", "'room'", ({ chat }) => chat.join(HALF)],
  ["a room that is written to", "'room'", ({ chat }) => chat.send(HALF, "hello")],
  ["a message", "'clientMessageId'", ({ chat }) => chat.send("a", { content: "", clientMessageId: HALF })],
  ["a member", "'members[1]'", ({ chat }) => chat.rooms.create({ room: "a", members: ["a", HALF] })],
  ["a member to remove", "'remove[0]'", ({ chat }) => chat.rooms.updateMembers("a", { remove: [HALF] })],
  ["a stream that is published to", "'stream'", ({ events }) => events.publish({ type: "a" }, { stream: HALF })],
  ["a publisher's stream", "'stream'", ({ events }) => events.publisher({ stream: HALF })],
  ["a stream that is watched", "'streams[0]'", ({ events }) => events.watch({ streams: [HALF] })],
  ["a type that is read", "'types[0]'", ({ events }) => events.read({ types: [HALF] })],
  ["a subscription's type", "'types[0]'", (c) => c.events.subscriptions.create({ name: "a", types: [HALF] })],
  ["a stream that is described", "'stream'", ({ events }) => events.info({ stream: HALF })],
  ["a stream that is cut", "'stream'", ({ events }) => events.truncate(HALF, 1)],
  ["a parameter", "params[0]", ({ query }) => query.execute("SELECT $1", { params: [HALF] })],
  ["a type of a document", "'contentType'", (client) => putDocument(client, "a", HALF)],
];

async function putDocument({ sync }: StreamingClient, id: string, contentType?: string): Promise<void> {
  await using replica = await sync.open({ collections: ["a"] });
  await replica.collection("a").put(id, 1, { ...(contentType !== undefined && { contentType }) });
}

describe("a text with half a surrogate pair", () => {
  it.each(ASKED)("is refused as %s", async (_, name, ask) => {
    await using client = createClient({ target: "127.0.0.1:1", retry: false, resume: false });
    const asking = Promise.resolve(client).then(ask);
    await expect(asking).rejects.toThrow(new TypeError(`${name} is no Unicode: it has half a surrogate pair`));
  });

  it("is no id of a document", async () => {
    await using client = createClient({ target: "127.0.0.1:1" });
    await expect(putDocument(client, HALF)).rejects.toThrow(TypeError);
  });
});
