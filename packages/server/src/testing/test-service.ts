import { FileChunk, type MethodDefinition, type ServiceHandlers } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

type ChunkMethod<RequestStream extends boolean, ResponseStream extends boolean> = MethodDefinition<
  FileChunk,
  FileChunk
> & {
  readonly requestStream: RequestStream;
  readonly responseStream: ResponseStream;
};

function chunkMethod<RequestStream extends boolean, ResponseStream extends boolean>(
  name: string,
  requestStream: RequestStream,
  responseStream: ResponseStream,
): ChunkMethod<RequestStream, ResponseStream> {
  return { name, requestType: FileChunk, requestStream, responseType: FileChunk, responseStream, options: {} };
}

/** One RPC of each kind; `FileChunk` is a number (`offset`) with a weight (`content`). */
export const TestService: {
  readonly name: string;
  readonly fullName: string;
  readonly methods: {
    readonly one: ChunkMethod<false, false>;
    readonly down: ChunkMethod<false, true>;
    readonly up: ChunkMethod<true, false>;
    readonly both: ChunkMethod<true, true>;
  };
} = {
  name: "TestService",
  fullName: "test.v1.TestService",
  methods: {
    one: chunkMethod("One", false, false),
    down: chunkMethod("Down", false, true),
    up: chunkMethod("Up", true, false),
    both: chunkMethod("Both", true, true),
  },
};

export type TestHandlers = Partial<ServiceHandlers<typeof TestService, CallContext>>;

/** The message with number `n` and `weightBytes` of content. */
export function chunk(n: number, weightBytes = 0): FileChunk {
  return FileChunk.fromPartial({ offset: n, content: new Uint8Array(weightBytes) });
}
