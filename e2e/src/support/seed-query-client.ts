import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";

/** A message of an answer with the fields that the seed's code uses and nothing else. */
export interface SeedQueryResponse {
  error: string;
  data: string;
  complete: boolean;
}

/** The part of the seed's service that runs queries. */
export interface SeedQueryClient extends grpc.Client {
  interactiveQuery(): grpc.ClientDuplexStream<{ query: string }, SeedQueryResponse>;
}

/** The seed's proto leaves these messages out; its Go code says what is in them. */
const MESSAGES = {
  QueryRequest: { fields: { query: { type: "string", id: 1 } } },
  QueryResponse: {
    fields: { error: { type: "string", id: 1 }, data: { type: "string", id: 2 }, complete: { type: "bool", id: 3 } },
  },
};

const METHOD = {
  requestType: "QueryRequest",
  requestStream: true,
  responseType: "QueryResponse",
  responseStream: true,
};

/** A client that knows of queries what the seed knows. */
export function openSeedQueryClient(target: string): SeedQueryClient {
  const StreamingService = { methods: { InteractiveQuery: METHOD } };
  const v1 = { nested: { ...MESSAGES, StreamingService } };
  const proto = { nested: { streaming: { nested: { v1 } } } } as unknown as Parameters<typeof protoLoader.fromJSON>[0];
  const definition = protoLoader.fromJSON(proto, { keepCase: true, defaults: true });
  const root = grpc.loadPackageDefinition(definition) as unknown as {
    streaming: { v1: { StreamingService: new (...args: unknown[]) => SeedQueryClient } };
  };
  return new root.streaming.v1.StreamingService(target, grpc.credentials.createInsecure());
}
