import { ServiceError } from "@millrace/shared-types";

import type { HeaderMap, Principal } from "./call-context.js";

/** What is known of a call before anything of its body is read. */
export interface AuthenticationRequest {
  readonly method: string;
  readonly headers: HeaderMap;
  /** Address of the peer. */
  readonly peer: string;
  /** Aborts when the call ends meanwhile. */
  readonly signal: AbortSignal;
}

/**
 * Finds out who calls. Throws a {@link ServiceError} (`UNAUTHENTICATED`, `PERMISSION_DENIED`) to refuse the
 * call; anything else it throws is an INTERNAL error. Until it answers, nothing of the call's body is
 * read, decompressed or decoded.
 */
export type Authenticate = (request: AuthenticationRequest) => Principal | Promise<Principal>;

/** The caller of a server that asks nobody who he is. */
export const ANONYMOUS: Principal = { id: "" };

/** What a hook that does not answer in time stands for. */
export function authenticationTimedOut(timeoutMs: number): ServiceError {
  return new ServiceError("BACKEND_UNAVAILABLE", `authentication took longer than ${String(timeoutMs)} ms`, {
    retryAfterMs: 1_000,
  });
}
