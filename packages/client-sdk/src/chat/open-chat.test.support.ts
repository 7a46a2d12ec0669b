import { createClient } from "../client.js";
import type { ClientClock } from "../options.js";
import { systemClock } from "../rpc/system-clock.js";
import type { Transport } from "../rpc/transport.js";
import type { FaultPlan, FaultPlanner } from "../testing/fault-plan.js";
import { type FaultControls, faulty } from "../testing/fault-transport.js";
import { createInMemoryTransport, type InMemoryTransport } from "../testing/in-memory-transport.js";
import type { ChatApi } from "./chat-api.js";
import { FakeChatServer } from "./fake-chat-server.test.support.js";
import type { ChatMessage, ChatRoom } from "./types.js";

/** A chat whose server is in this process and whose connection fails as told. */
export interface OpenChat extends AsyncDisposable {
  readonly chat: ChatApi;
  readonly server: FakeChatServer;
  readonly transport: InMemoryTransport;
  readonly faults: Transport & FaultControls;
}

export function openChat(
  plan: FaultPlan | FaultPlanner = {},
  { server = new FakeChatServer(), clock = systemClock }: { server?: FakeChatServer; clock?: ClientClock } = {},
): OpenChat {
  const transport = createInMemoryTransport(server.register);
  const faults = faulty(transport, plan, { clock });
  const client = createClient({
    target: "in-memory",
    transport: faults,
    clock,
    random: () => 0, // no time between attempts
  });
  return { chat: client.chat, server, transport, faults, [Symbol.asyncDispose]: () => client.close() };
}

/** Takes messages of a room one by one. */
export function readerOf(room: ChatRoom): { next(): Promise<string>; take(count: number): Promise<readonly string[]> } {
  const messages: AsyncIterator<ChatMessage, undefined> = room[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value } = await messages.next();
    return value === undefined ? "(end)" : value.content;
  };
  return {
    next,
    async take(count) {
      const taken: string[] = [];
      while (taken.length < count) taken.push(await next());
      return taken;
    },
  };
}

/** `from` to `to`, as texts. */
export function numbers(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
}
