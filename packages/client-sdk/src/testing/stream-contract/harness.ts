import type { ClientClock } from "../../options.js";
import type { TypedMethods } from "../../rpc/typed-methods.js";
import type { InMemoryCallContext } from "../in-memory-context.js";
import type { ContractHandlers, ContractService } from "./contract-service.js";

/** What the contract's handlers look at. The server's `CallContext` has it. */
export type ContractContext = Pick<
  InMemoryCallContext,
  "method" | "headers" | "deadline" | "signal" | "done" | "sendHeaders" | "trailers" | "resumeFrom"
>;

/** A typed client of {@link ContractService}. */
export type ContractClient = TypedMethods<typeof ContractService>;

/** A clock for client and server that knows what it was asked to do. */
export interface TestClock extends ClientClock {
  monotonicMs(): number;
  /** Timers that were set, have not run and were not prevented. */
  readonly pending: number;
}

export interface StageOptions {
  /** Of the client. Default: the real time. */
  readonly clientClock?: TestClock;
  /** Of the server. Default: the real time. */
  readonly serverClock?: TestClock;
  /** How long the server waits for the next request of a stream of any kind. Default: for ever. */
  readonly serverIdleMs?: number;
}

/** What is alive at both ends, by name, such as `{ "server handlers": 1 }`. Whatever should go away belongs here. */
export type LiveCounts = Readonly<Record<string, number>>;

/** A server and a client that is connected to it. Closing it closes both. */
export interface ContractStage extends AsyncDisposable {
  readonly client: ContractClient;
  /** Loses the connection, without a farewell, at both ends. The server goes on and takes new ones. */
  cut(): void;
  /** Ends what the server is doing without losing anything. Resolves when it has. */
  drain(): Promise<void>;
  /** Ends the server now. Resolves when it has. */
  stop(): Promise<void>;
  /** After `drain` or `stop`: serves the same handlers at the same address. Resolves when it does. */
  restart(): Promise<void>;
  /** Calls, handlers and timers of client and server; not the connection itself. */
  live(): LiveCounts;
}

/** Makes what the contract is tried on. */
export interface ContractHarness {
  /** For the title of the suite. */
  readonly name: string;
  /** What a side may take from a peer that reads nothing, in bytes, all buffers on the way included. Default 4 MiB. */
  readonly maxBufferedBytes?: number;
  /** Scenarios that make no sense here, and why. */
  readonly notHere?: Readonly<Record<string, string>>;
  open(handlers: ContractHandlers<ContractContext>, options?: StageOptions): Promise<ContractStage>;
  /** What is open in this process outside of any stage: sockets, listening sockets, timers. */
  leftovers(): LiveCounts;
}
