import type { ServerOptions } from "node:http2";

import { ServerCredentials } from "@grpc/grpc-js";

/** TLS of a server. PEM texts. */
export interface TlsOptions {
  /** Certificate chain of the server. */
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** Authorities of client certificates; given, a client must have one. */
  readonly clientCa?: string | Uint8Array;
}

const TLS_HANDSHAKE_MS = 10_000;

/** TLS credentials that also carry HTTP/2 options: what a subclass passes on reaches `http2.createSecureServer`. */
class TlsServerCredentials extends ServerCredentials {
  constructor({ cert, key, clientCa }: TlsOptions, http2: ServerOptions) {
    super(
      { ...http2, requestCert: clientCa !== undefined, minVersion: "TLSv1.2", handshakeTimeout: TLS_HANDSHAKE_MS },
      { cert: pem(cert), key: pem(key), ...(clientCa && { ca: pem(clientCa) }) },
    );
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** Credentials for `tls`, or plaintext if there is none. `http2` only acts with TLS. */
export function serverCredentials(tls: TlsOptions | undefined, http2: ServerOptions): ServerCredentials {
  return tls === undefined ? ServerCredentials.createInsecure() : new TlsServerCredentials(tls, http2);
}

function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === "string" ? text : Buffer.from(text);
}
