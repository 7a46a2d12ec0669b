import type { MethodDefinition as GrpcJsMethod } from "@grpc/grpc-js";
import { type MessageType, type MethodDefinition, methodPath, type ServiceDefinition } from "@millrace/shared-types";

/** A method as ts-proto generates it for grpc-js (`outputServices=grpc-js`). */
export function stockMethod<Request, Response>(
  service: ServiceDefinition,
  method: MethodDefinition<Request, Response>,
): GrpcJsMethod<Request, Response> {
  const { requestStream, responseStream } = method;
  return {
    path: methodPath(service, method),
    requestStream,
    responseStream,
    ...stockCodec("request", method.requestType),
    ...stockCodec("response", method.responseType),
  } as GrpcJsMethod<Request, Response>;
}

function stockCodec(side: "request" | "response", type: MessageType<unknown>): Record<string, unknown> {
  return {
    [`${side}Serialize`]: (message: unknown) => Buffer.from(type.encode(message).finish()),
    [`${side}Deserialize`]: (bytes: Buffer) => type.decode(bytes),
  };
}
