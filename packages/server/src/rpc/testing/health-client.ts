import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import {
  decodeMessage,
  encodeMessage,
  HealthCheckRequest,
  HealthCheckResponse,
  type HealthCheckResponse_ServingStatus,
} from "@millrace/shared-types";

/** A stream of states of health, read one by one. */
export interface HealthWatch {
  /** The next state; rejects with the stream's error. */
  next(): Promise<HealthCheckResponse_ServingStatus>;
}

/** A stock client of grpc.health.v1, as a load balancer has one. */
export class HealthClient implements Disposable {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  }

  check(service: string): Promise<HealthCheckResponse_ServingStatus> {
    return new Promise((resolve, reject) => {
      const answer = (error: ServiceError | null, response?: HealthCheckResponse): void => {
        if (response !== undefined) resolve(response.status);
        else reject(error ?? new Error("neither error nor response"));
      };
      this.#client.makeUnaryRequest("/grpc.health.v1.Health/Check", encode, decode, { service }, answer);
    });
  }

  watch(service: string): HealthWatch {
    const call = this.#client.makeServerStreamRequest("/grpc.health.v1.Health/Watch", encode, decode, { service });
    const states = call[Symbol.asyncIterator]() as AsyncIterator<HealthCheckResponse>;
    return { next: async () => ((await states.next()).value as HealthCheckResponse).status };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function encode(request: HealthCheckRequest): Buffer {
  return encodeMessage(HealthCheckRequest, request);
}

function decode(bytes: Buffer): HealthCheckResponse {
  return decodeMessage(HealthCheckResponse, bytes);
}
