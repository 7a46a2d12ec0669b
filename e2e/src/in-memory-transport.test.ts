import { describe, expect, it } from "@jest/globals";
import { createClient, createTypedClient } from "@millrace/client-sdk";
import {
  type ContractHandlers,
  ContractItem,
  ContractService,
  createInMemoryTransport,
} from "@millrace/client-sdk/testing";
import type { CallContext } from "@millrace/server";

describe("the in-memory transport", () => {
  it("runs handlers that were written for the server, with all that their context has", async () => {
    const seen: Partial<CallContext>[] = [];
    const handlers: ContractHandlers<CallContext> = {
      unary(request, context) {
        const { method, kind, peer, principal, headers, deadline } = context;
        seen.push({ method, kind, peer, principal, headers, deadline });
        context.log.child({ n: request.n }).info({}, "served");
        context.trailers["cost"] = "3";
        return Promise.resolve(ContractItem.fromPartial({ n: request.n + 1 }));
      },
      serverStream: (request) => once(request),
      clientStream: () => Promise.reject(new Error("not a part of this test")),
      duplex: (requests) => requests,
    };
    const transport = createInMemoryTransport((serve) => serve(ContractService, handlers));
    await using client = createClient({ target: transport.target, transport });
    const typed = createTypedClient(ContractService, client);
    const trailers: unknown[] = [];
    const options = { headers: { "x-tenant": "a" }, onTrailers: (received: unknown) => trailers.push(received) };
    expect(await typed.unary({ n: 1 }, options)).toMatchObject({ n: 2 });
    expect(seen).toEqual([
      {
        method: "/millrace.contract.v1.ContractService/Unary",
        kind: "unary",
        peer: "in-memory",
        principal: { id: "" },
        headers: { "x-tenant": "a" },
        deadline: expect.any(Date),
      },
    ]);
    expect(trailers).toEqual([expect.objectContaining({ cost: "3" })]);
  });
});

async function* once<T>(value: T): AsyncGenerator<T> {
  yield await Promise.resolve(value);
}
