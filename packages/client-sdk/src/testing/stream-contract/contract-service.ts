import type {
  MessageType,
  MethodDefinition,
  MethodKind,
  ServiceDefinition,
  ServiceHandlers,
} from "@millrace/shared-types";

/** The only message of the contract's service. */
export interface ContractItem {
  /** Its place in the stream; what else it says depends on the scenario. Unsigned, 32 bits. */
  readonly n: number;
  /** Weight, for scenarios about back-pressure. */
  readonly payload: Uint8Array;
}

type Writer = ReturnType<MessageType<ContractItem>["encode"]>;
type Reader = Exclude<Parameters<MessageType<ContractItem>["decode"]>[0], Uint8Array>;

const N_TAG = (1 << 3) | 0;
const PAYLOAD_TAG = (2 << 3) | 2;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * `message ContractItem { uint32 n = 1; bytes payload = 2; }`, by hand: the contract comes with the
 * SDK and brings no proto of its own. For `encodeMessage` and `decodeMessage` only, which bring
 * writer and reader.
 */
export const ContractItem: MessageType<ContractItem> = {
  encode(message: ContractItem, writer: Writer): Writer {
    if (message.n !== 0) writer.uint32(N_TAG).uint32(message.n);
    if (message.payload.length > 0) writer.uint32(PAYLOAD_TAG).bytes(message.payload);
    return writer;
  },

  decode(reader: Reader): ContractItem {
    let n = 0;
    let payload: Uint8Array = NO_BYTES;
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === N_TAG) n = reader.uint32();
      else if (tag === PAYLOAD_TAG) payload = reader.bytes();
      else reader.skip(tag & 7);
    }
    return { n, payload };
  },

  fromPartial: ({ n = 0, payload = NO_BYTES }) => ({ n, payload }),
};

type ItemMethod<RequestStream extends boolean, ResponseStream extends boolean> = MethodDefinition<
  ContractItem,
  ContractItem
> & { readonly requestStream: RequestStream; readonly responseStream: ResponseStream };

function itemMethod<RequestStream extends boolean, ResponseStream extends boolean>(
  name: string,
  requestStream: RequestStream,
  responseStream: ResponseStream,
): ItemMethod<RequestStream, ResponseStream> {
  return { name, requestType: ContractItem, requestStream, responseType: ContractItem, responseStream, options: {} };
}

/** A service with one method of each kind. None is marked idempotent: nothing repeats it by itself. */
export const ContractService: {
  readonly name: string;
  readonly fullName: string;
  readonly methods: {
    readonly unary: ItemMethod<false, false>;
    readonly serverStream: ItemMethod<false, true>;
    readonly clientStream: ItemMethod<true, false>;
    readonly duplex: ItemMethod<true, true>;
  };
} = {
  name: "ContractService",
  fullName: "millrace.contract.v1.ContractService",
  methods: {
    unary: itemMethod("Unary", false, false),
    serverStream: itemMethod("ServerStream", false, true),
    clientStream: itemMethod("ClientStream", true, false),
    duplex: itemMethod("Duplex", true, true),
  },
} satisfies ServiceDefinition;

/** Handlers of {@link ContractService}. */
export type ContractHandlers<Context> = ServiceHandlers<typeof ContractService, Context>;

/** The four kinds in the order in which the contract runs them. */
export const KINDS: readonly MethodKind[] = ["unary", "server-streaming", "client-streaming", "bidi-streaming"];
