import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { decodeMessage, encodeMessage, GetServerInfoRequest, GetServerInfoResponse } from "@millrace/shared-types";

/** A stock client of InfoService. */
export class InfoClient implements Disposable {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  }

  getServerInfo(): Promise<GetServerInfoResponse> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        "/streaming.v1.InfoService/GetServerInfo",
        (request: GetServerInfoRequest) => encodeMessage(GetServerInfoRequest, request),
        (bytes) => decodeMessage(GetServerInfoResponse, bytes),
        {},
        (error: ServiceError | null, response?: GetServerInfoResponse) => {
          if (response !== undefined) resolve(response);
          else reject(error ?? new Error("neither error nor response"));
        },
      );
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
