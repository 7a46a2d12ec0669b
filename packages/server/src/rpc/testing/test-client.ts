import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type StatusObject,
} from "@grpc/grpc-js";
import {
  decodeMessage,
  decodeStatusDetails,
  encodeMessage,
  type ErrorDetails,
  FileChunk,
  STATUS_DETAILS_KEY,
} from "@millrace/shared-types";

/** What a finished call came to. */
export interface Outcome {
  readonly numbers: readonly number[];
  readonly code: number;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly trailers: Metadata;
}

export interface TestCallOptions {
  readonly metadata?: Metadata;
  readonly timeoutMs?: number;
  readonly encode?: (message: FileChunk) => Buffer;
}

export type Down = ClientReadableStream<FileChunk>;
export type Both = ClientDuplexStream<FileChunk, FileChunk>;

/** A stock grpc-js client for `TestService`: what any gRPC client would do, without our SDK. */
export class TestClient implements Disposable {
  readonly #client: Client;

  constructor(
    address: string,
    options: Record<string, string | number> = {},
    channelCredentials: ChannelCredentials = credentials.createInsecure(),
  ) {
    this.#client = new Client(address, channelCredentials, {
      "grpc.use_local_subchannel_pool": 1,
      ...options,
    });
  }

  /** Calls a unary RPC. */
  one(request: FileChunk, options: TestCallOptions = {}, path = "/test.v1.TestService/One"): Promise<Outcome> {
    const down = this.#client.makeServerStreamRequest(
      path,
      options.encode ?? encodeChunk,
      decodeChunk,
      request,
      options.metadata ?? new Metadata(),
      callOptions(options),
    );
    return outcomeOf(down);
  }

  down(request: FileChunk, options: TestCallOptions = {}): Down {
    const encode = options.encode ?? encodeChunk;
    const metadata = options.metadata ?? new Metadata();
    const path = "/test.v1.TestService/Down";
    return quiet(
      this.#client.makeServerStreamRequest(path, encode, decodeChunk, request, metadata, callOptions(options)),
    );
  }

  /** A client-streaming RPC, as a duplex stream: its one response arrives like a streamed one. */
  up(options: TestCallOptions = {}): Both {
    return this.#duplex("/test.v1.TestService/Up", options);
  }

  both(options: TestCallOptions = {}): Both {
    return this.#duplex("/test.v1.TestService/Both", options);
  }

  #duplex(path: string, options: TestCallOptions): Both {
    const encode = options.encode ?? encodeChunk;
    const metadata = options.metadata ?? new Metadata();
    return quiet(this.#client.makeBidiStreamRequest(path, encode, decodeChunk, metadata, callOptions(options)));
  }

  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Reads `call` to its end. */
export async function outcomeOf(call: Down | Both): Promise<Outcome> {
  const numbers: number[] = [];
  call.on("error", () => {}); // the status says it all
  const status = new Promise<StatusObject>((resolve) => call.once("status", resolve));
  call.on("data", (message: FileChunk) => numbers.push(message.offset));
  const { code, details, metadata } = await status;
  const [bytes] = metadata.get(STATUS_DETAILS_KEY);
  return {
    numbers,
    code,
    message: details,
    details: decodeStatusDetails(bytes instanceof Buffer ? bytes : new Uint8Array()),
    trailers: metadata,
  };
}

function quiet<T extends Down | Both>(call: T): T {
  call.on("error", () => {}); // cancelling a call that nobody listens to would end the process
  return call;
}

function callOptions({ timeoutMs }: TestCallOptions): { deadline?: Date } {
  return timeoutMs === undefined ? {} : { deadline: new Date(Date.now() + timeoutMs) };
}

function encodeChunk(message: FileChunk): Buffer {
  return encodeMessage(FileChunk, message);
}

function decodeChunk(bytes: Buffer): FileChunk {
  return decodeMessage(FileChunk, bytes);
}
