import type { MethodKind } from "@millrace/shared-types";

import { latch, type Latch } from "../latch.js";
import { tally, type Tally } from "../tally.js";
import { within } from "../within.js";
import type { ContractHandlers, ContractItem } from "./contract-service.js";
import type { ContractContext } from "./harness.js";

/** What a handler does, whatever its kind: with one request or many, to one response or many. */
export type ContractScript = (
  requests: AsyncIterable<ContractItem>,
  context: ContractContext,
) => AsyncIterable<ContractItem>;

/** What the server's side of one call has come to. */
export interface ServedCall {
  readonly context: ContractContext;
  /** Opens with the reason when `context.signal` aborts. */
  readonly aborted: Latch<unknown>;
  /** Opens when the script's `finally` blocks have run. */
  readonly finished: Latch;
  /** Opens when `context.done` aborts; tells whether the script had finished. */
  readonly done: Latch<boolean>;
}

/** Sees every call that a script serves. */
export class ServerProbe {
  readonly calls: ServedCall[] = [];
  readonly #entered: Tally = tally();

  /** The script, watched. */
  watch(script: ContractScript): ContractScript {
    return (requests, context) => this.#run(script, requests, context);
  }

  /** The call that entered its handler as number `n`, from 0. */
  async call(n = 0): Promise<ServedCall> {
    await within(this.#entered.reached(n + 1), `handler ${String(n + 1)} is entered`);
    return this.calls[n] as ServedCall;
  }

  /**
   * Resolves when call `n` has ended at the server in every respect: `finally` has run, `done` came after.
   * Gives the reason of `signal`, or `undefined` if it did not abort.
   */
  async ended(n = 0): Promise<unknown> {
    const { aborted, finished, done, context } = await this.call(n);
    await within(finished.promise, "the handler's finally runs");
    const cameAfter = await within(done.promise, "context.done aborts");
    if (!cameAfter) throw new Error("context.done aborted before the handler's finally had run");
    return aborted.isOpen ? (context.signal.reason as unknown) : undefined;
  }

  async *#run(
    script: ContractScript,
    requests: AsyncIterable<ContractItem>,
    context: ContractContext,
  ): AsyncGenerator<ContractItem> {
    const call: ServedCall = { context, aborted: latch(), finished: latch(), done: latch() };
    context.signal.addEventListener("abort", () => call.aborted.open(context.signal.reason), { once: true });
    context.done.addEventListener("abort", () => call.done.open(call.finished.isOpen), { once: true });
    this.calls.push(call);
    this.#entered.add();
    try {
      yield* script(requests, context);
    } finally {
      call.finished.open();
    }
  }
}

/** Handlers of the service: `script` serves `kind`, the other kinds echo. */
export function handlersOf(kind: MethodKind, script: ContractScript): ContractHandlers<ContractContext> {
  const scriptOf = (served: MethodKind): ContractScript => (served === kind ? script : echo);
  return {
    unary: (request, context) => onlyItem(scriptOf("unary")(once(request), context)),
    serverStream: (request, context) => scriptOf("server-streaming")(once(request), context),
    clientStream: (requests, context) => onlyItem(scriptOf("client-streaming")(requests, context)),
    duplex: (requests, context) => scriptOf("bidi-streaming")(requests, context),
  };
}

const echo: ContractScript = (requests) => requests;

async function* once(item: ContractItem): AsyncGenerator<ContractItem> {
  yield await Promise.resolve(item);
}

async function onlyItem(items: AsyncIterable<ContractItem>): Promise<ContractItem> {
  for await (const item of items) return item;
  throw new Error("the script gave no response");
}

/** Rejects with the signal's reason when it aborts. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** Settles as `promise`; rejects with the signal's reason if that aborts before. Scripts wait so, or a failed test would hang. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([promise, untilAborted(signal)]);
}
