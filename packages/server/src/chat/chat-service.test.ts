import { once } from "node:events";

import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";
import {
  ChatMessage,
  ChatMessageKind,
  ChatServiceDefinition,
  decodeMessage,
  encodeMessage,
  EventServiceDefinition,
  type ListMessagesResponse,
  type MethodDefinition,
  methodPath,
  type PartialMessage,
  type SendMessageResponse,
  ServiceError,
  StreamingServiceDefinition,
  StreamServiceDefinition,
  type WatchRequest,
} from "@millrace/shared-types";

import { openTemporaryFolder } from "../adapters/embedded/temporary-folder.js";
import { createStreamingServer } from "../streaming-server.js";

type ChatCall = ClientDuplexStream<PartialMessage<ChatMessage>, ChatMessage>;

const CHATS = [StreamingServiceDefinition, StreamServiceDefinition, ChatServiceDefinition];
const [SEED_CHAT, , CHAT] = CHATS.map((definition) => methodPath(definition, definition.methods.chat));

/** A stock gRPC client. */
class WireClient implements Disposable {
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(address: string, user = "") {
    this.#client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    if (user !== "") this.#metadata.set("user", user);
  }

  chat(path: string | undefined = CHAT): ChatCall {
    const call = this.#client.makeBidiStreamRequest(path ?? "", encode, decode, this.#metadata);
    call.on("error", () => {}); // the status says it all
    return call;
  }

  unary<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: PartialMessage<Request>,
  ): Promise<Response> {
    return this.stream(method, request).then(([response]) => response as Response);
  }

  /** Calls an RPC that takes one message; resolves with all answers. */
  async stream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: PartialMessage<Request>,
  ): Promise<Response[]> {
    const { requestType, responseType } = method;
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: Request) => encodeMessage(requestType, message),
      (bytes) => decodeMessage(responseType, bytes),
      requestType.fromPartial(request),
      this.#metadata,
    );
    return (await call.toArray()) as Response[];
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function pathOf(method: MethodDefinition): string {
  const owner = [ChatServiceDefinition, EventServiceDefinition].find(({ methods }) =>
    Object.values(methods).includes(method as never),
  );
  if (owner === undefined) throw new Error(`no service has ${method.name}`);
  return methodPath(owner, method);
}

function encode(message: PartialMessage<ChatMessage>): Buffer {
  return encodeMessage(ChatMessage, ChatMessage.fromPartial(message));
}

function decode(bytes: Buffer): ChatMessage {
  return decodeMessage(ChatMessage, bytes);
}

async function next(call: ChatCall): Promise<ChatMessage> {
  const [message] = (await once(call, "data")) as [ChatMessage];
  return message;
}

function statusOf(call: ChatCall): Promise<number> {
  return new Promise((resolve) => call.once("status", ({ code }) => resolve(code)));
}

describe("the chat on the wire", () => {
  it("is one chat under three services; who has the headers is in the room", async () => {
    await using server = await createStreamingServer({ port: 0 });
    using client = new WireClient(server.address);
    const calls = CHATS.map((definition) => client.chat(methodPath(definition, definition.methods.chat)));
    await Promise.all(calls.map((call) => once(call, "metadata")));
    for (const [index, call] of calls.entries()) {
      const heard = Promise.all(calls.map(next));
      call.write({ content: String(index) });
      expect((await heard).map(({ content, sequence }) => [content, sequence])).toEqual(
        calls.map(() => [String(index), index + 1]),
      );
    }
    const ended = Promise.all(calls.map(statusOf));
    for (const call of calls) call.end();
    expect(await ended).toEqual([0, 0, 0]);
  });

  it("gives a seed client all that it had sent before it half-closed, and goes on for the others (S12)", async () => {
    await using server = await createStreamingServer({ port: 0 });
    using client = new WireClient(server.address);
    const other = client.chat(SEED_CHAT);
    await once(other, "metadata");
    const heardByOther: string[] = [];
    other.on("data", ({ content }: ChatMessage) => heardByOther.push(content));
    const call = client.chat(SEED_CHAT);
    const heard: string[] = [];
    call.on("data", ({ content }: ChatMessage) => heard.push(content));
    const sent = Array.from({ length: 25 }, (_, number) => String(number));
    for (const content of sent) call.write({ content });
    call.end();
    expect(await statusOf(call)).toBe(0);
    expect(heard).toEqual(sent);
    const ended = statusOf(other);
    other.end();
    expect(await ended).toBe(0);
    expect(heardByOther).toEqual(sent);
  });

  it("keeps its messages, rooms, edits and epochs over a restart", async () => {
    await using folder = await openTemporaryFolder();
    const { listMessages, createRoom, sendMessage, getRoom } = ChatServiceDefinition.methods;
    const found: ListMessagesResponse[] = [];
    for (const isFirstRun of [true, false]) {
      await using server = await createStreamingServer({
        port: 0,
        dataDir: folder.path,
        authenticate: () => ({ id: "ann" }),
      });
      using client = new WireClient(server.address);
      const send = (fields: PartialMessage<ChatMessage>): Promise<SendMessageResponse> =>
        client.unary(sendMessage, { message: { roomId: "x", content: isFirstRun ? "first" : "second", ...fields } });
      if (isFirstRun) await client.unary(createRoom, { room: { roomId: "x", displayName: "X" } });
      const { message, duplicate } = await send({ clientMessageId: "c1" });
      expect([message?.sequence, duplicate]).toEqual([1, !isFirstRun]);
      if (isFirstRun)
        await send({ kind: ChatMessageKind.EDIT, targetMessageId: message?.messageId ?? "", content: "edited" });
      found.push(await client.unary(listMessages, { roomId: "x" }));
      expect((await client.unary(getRoom, { roomId: "x" })).room).toMatchObject({ displayName: "X", lastSequence: 2 });
    }
    const [before, after] = found;
    expect(before?.messages.map(({ content }) => content)).toEqual(["edited", "edited"]);
    expect(after).toEqual(before);
  });

  it("tells who asks for it that the server drains, and ends both kinds of streams with DRAINING", async () => {
    const server = await createStreamingServer({ port: 0 });
    using client = new WireClient(server.address);
    const [aware, seed] = [client.chat(), client.chat(SEED_CHAT)];
    const joined = next(aware);
    aware.write({ control: { kind: { $case: "open", value: {} } } });
    await Promise.all([joined, once(seed, "metadata")]);
    const heard = next(aware);
    const ended = Promise.all([statusOf(aware), statusOf(seed)]);
    seed.resume();
    await server.close();
    expect((await heard).control?.kind).toMatchObject({ $case: "stream", value: { kind: { $case: "draining" } } });
    expect(await ended).toEqual([14, 14]);
  });

  it("knows its callers where there is authentication, and refuses those whom it does not know", async () => {
    const authenticate = ({
      headers,
    }: {
      readonly headers: Readonly<Record<string, unknown>>;
    }): { readonly id: string } => {
      if (headers["user"] === "unknown") throw new ServiceError("UNAUTHENTICATED", "who are you?");
      return { id: typeof headers["user"] === "string" ? headers["user"] : "" };
    };
    await using server = await createStreamingServer({ port: 0, authenticate });
    using ann = new WireClient(server.address, "ann");
    using nobody = new WireClient(server.address);
    const call = ann.chat();
    const heard = next(call);
    call.write({ content: "hello", userId: "ben" });
    expect((await heard).userId).toBe("ann");
    call.cancel();
    expect(await statusOf(nobody.chat().resume())).toBe(16);
    await expect(nobody.unary(ChatServiceDefinition.methods.getRoom, {})).rejects.toMatchObject({ code: 16 });
  });

  it("cannot be read, written or removed as events, by whatever name", async () => {
    await using server = await createStreamingServer({ port: 0 });
    using client = new WireClient(server.address);
    const { publish, readEvents, truncateStream } = EventServiceDefinition.methods;
    await client.unary(ChatServiceDefinition.methods.sendMessage, { message: { content: "among us" } });
    await client.unary(publish, { events: [{ id: "e", type: "t" }] });
    const ids = (request: PartialMessage<WatchRequest>): Promise<string[]> =>
      client
        .stream(readEvents, { watch: request })
        .then((responses) => responses.flatMap(({ batch }) => batch?.events.map(({ id }) => id) ?? []));
    for (const watch of [{}, { eventTypes: ["*"] }, { streams: ["*"] }]) expect(await ids(watch)).toEqual(["e"]);
    expect(await ids({ eventTypes: ["chat.*"] })).toEqual([]);
    for (const stream of ["$chat/*", "$*", "$chat/general"]) {
      await expect(ids({ streams: [stream] })).rejects.toMatchObject({ code: 3 });
      await expect(client.unary(publish, { stream, events: [{ id: "e", type: "t" }] })).rejects.toMatchObject({
        code: 3,
      });
      await expect(client.unary(truncateStream, { stream })).rejects.toMatchObject({ code: 3 });
    }
  });
});
