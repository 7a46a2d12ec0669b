import { it } from "@jest/globals";
import { createClient, createTypedClient } from "@millrace/client-sdk";
import { ContractService } from "@millrace/client-sdk/testing";
import { createServer, service } from "@millrace/server";
const tick = (ms: number) => new Promise((r) => setTimeout(r, ms));
it("repro", async () => {
  const log: string[] = [];
  const server = await createServer({ port: 0, services: [service(ContractService, {
    unary: async (request, { signal }) => { log.push("enter " + request.n); if (request.n === 2) await new Promise((_, rej) => signal.addEventListener("abort", () => { log.push("abort " + signal.reason.message); rej(signal.reason); })); return request; },
    async *serverStream(r, { signal }) { log.push("enter ss"); await new Promise((_, rej) => signal.addEventListener("abort", () => { log.push("abort"); rej(signal.reason); })); yield r; },
    clientStream: async (requests) => { for await (const r of requests) return r; throw new Error(); },
    async *duplex(requests) { yield* requests; },
  })] });
  const client = createClient({ target: server.address });
  const typed = createTypedClient(ContractService, client);
  await typed.unary({ n: 0 });
  for (const delay of [-1, 0, 1, 5]) {
    const abort = new AbortController();
    const p = typed.unary({ n: 2 }, { signal: abort.signal }).catch((e) => e);
    if (delay === 0) await new Promise((r) => setImmediate(r));
    else if (delay > 0) await tick(delay);
    abort.abort(new Error("x"));
    const e = await p;
    await tick(200);
    console.log(delay, String(e), JSON.stringify(server.stats()), log.splice(0).join("; "));
  }
  for (const delay of [-1, 0, 1, 5]) {
    const abort = new AbortController();
    const p = typed.serverStream({ n: 2 }, { signal: abort.signal })[Symbol.asyncIterator]().next().catch((e) => e);
    if (delay === 0) await new Promise((r) => setImmediate(r));
    else if (delay > 0) await tick(delay);
    abort.abort(new Error("x"));
    const e = await p;
    await tick(200);
    console.log(delay, String(e), JSON.stringify(server.stats()), log.splice(0).join("; "));
  }
  await client.close();
  await server.kill();
});
