import {
  encodeMessage,
  type PartialMessage,
  type QueryRequest,
  type QueryResponse,
  Status,
  STATUS_DETAILS_KEY,
  type StatusCode,
  StreamingServiceDefinition,
} from "@millrace/shared-types";

import { CancelledError, type StreamingError, UnavailableError } from "../errors.js";
import type { CallOptions } from "../options.js";
import type { Rpc } from "../rpc/rpc.js";
import type { DuplexStream } from "../rpc/streams.js";
import { toStreamingError } from "../rpc/to-streaming-error.js";
import type { Answer } from "./answer.js";

/** Names the call in errors that are no status of it. */
export const SESSION_METHOD = "streaming.v1.StreamingService/InteractiveQuery";

type QueryStream = DuplexStream<PartialMessage<QueryRequest>, QueryResponse>;

/** Many queries over one stream at a time; another one is opened when the one before was lost and there is a query. */
export class SessionStreams implements AsyncDisposable {
  readonly #rpc: Rpc;
  readonly #options: CallOptions | undefined;
  readonly #windowBytes: number;
  #stream: SessionStream | undefined;
  #isClosed = false;

  constructor(rpc: Rpc, options: CallOptions | undefined, windowBytes: number) {
    this.#rpc = rpc;
    this.#options = options;
    this.#windowBytes = windowBytes;
  }

  /** Sends a query. @throws {CancelledError} once the session is closed */
  ask(request: PartialMessage<QueryRequest>): Answer {
    if (this.#isClosed) throw new CancelledError("the session was closed", { method: SESSION_METHOD });
    if (this.#stream === undefined || this.#stream.isOver) this.#stream = this.#open();
    return this.#stream.ask(request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#stream?.[Symbol.asyncDispose]();
  }

  #open(): SessionStream {
    const { interactiveQuery } = StreamingServiceDefinition.methods;
    return new SessionStream(
      this.#rpc.duplex(StreamingServiceDefinition, interactiveQuery, this.#options),
      this.#windowBytes,
    );
  }
}

/** One stream and the queries on it. */
class SessionStream implements AsyncDisposable {
  isOver = false;
  readonly #stream: QueryStream;
  readonly #windowBytes: number;
  /** By tag. */
  readonly #answers = new Map<string, SessionAnswer>();
  #nextId = 1;

  constructor(stream: QueryStream, windowBytes: number) {
    this.#stream = stream;
    this.#windowBytes = windowBytes;
    void this.#read();
  }

  ask(request: PartialMessage<QueryRequest>): Answer {
    const queryId = `q${String(this.#nextId++)}`;
    const answer = new SessionAnswer(
      () => this.#say({ credit: { queryId, bytes: this.#windowBytes } }),
      (hasEnded) => {
        this.#answers.delete(queryId);
        if (!hasEnded) this.#say({ cancel: { queryId } });
      },
    );
    this.#answers.set(queryId, answer);
    this.#say({ ...request, queryId, options: { ...request.options, initialCreditBytes: this.#windowBytes } });
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }

  /** What cannot be said is answered by the end of the stream. */
  #say(request: PartialMessage<QueryRequest>): void {
    this.#stream.send(request).catch((error: unknown) => {
      const { queryId = "" } = request;
      this.#answers.get(queryId)?.fail(error as StreamingError);
    });
  }

  async #read(): Promise<void> {
    let end: StreamingError = new UnavailableError("the server ended the session", {
      method: SESSION_METHOD,
      origin: "server",
      retryable: true,
    });
    try {
      for await (const response of this.#stream) this.#answers.get(response.queryId)?.add(response);
    } catch (error) {
      end = error as StreamingError;
    }
    this.isOver = true;
    for (const answer of this.#answers.values()) answer.fail(end);
  }
}

/** What came for one query and was not read yet: as much as the server had credit for. */
class SessionAnswer implements Answer {
  readonly #messages: QueryResponse[] = [];
  readonly #giveCredit: () => void;
  readonly #onEnd: (hasEnded: boolean) => void;
  #failure: StreamingError | undefined;
  #isOver = false;
  #wake: () => void = () => {};

  /** @param onEnd called once, with whether the server knows of the end */
  constructor(giveCredit: () => void, onEnd: (hasEnded: boolean) => void) {
    this.#giveCredit = giveCredit;
    this.#onEnd = onEnd;
  }

  add(response: QueryResponse): void {
    this.#messages.push(response);
    this.#wake();
  }

  fail(error: StreamingError): void {
    this.#failure ??= error;
    this.#wake();
  }

  async receive(): Promise<QueryResponse | undefined> {
    while (!this.#isOver) {
      const message = this.#messages.shift();
      if (message?.suspended === true) this.#giveCredit();
      else if (message !== undefined) return this.#checked(message);
      else if (this.#failure !== undefined) throw this.#failure;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return undefined;
  }

  cancel(): void {
    this.#end(this.#failure !== undefined);
    this.#wake();
  }

  #checked(message: QueryResponse): QueryResponse {
    if (message.complete || message.error !== "") this.#end(true);
    if (message.error === "" && message.status === undefined) return message;
    throw refusalOf(message);
  }

  #end(hasEnded: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#messages.length = 0;
    this.#onEnd(hasEnded);
  }
}

/** The same error as if a call had failed with it. */
function refusalOf({ status, error }: QueryResponse): StreamingError {
  const told = status ?? Status.fromPartial({ code: 2, message: error });
  const trailers = { [STATUS_DETAILS_KEY]: encodeMessage(Status, told) };
  const { code, message } = told;
  return toStreamingError(
    { code: code as StatusCode, message, trailers, origin: "server" },
    { method: SESSION_METHOD },
  );
}
