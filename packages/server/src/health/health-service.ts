import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthDefinition,
  resourceNotFound,
} from "@millrace/shared-types";
import type { HealthCheckRequest, HealthCheckResponse } from "@millrace/shared-types";

import { type BoundService, service } from "../rpc/bind-service.js";
import type { CallContext } from "../rpc/call-context.js";

/** The server as a whole, in the health protocol. */
const WHOLE_SERVER = "";

/** What the server says about its services, and who wants to hear of changes. */
export class HealthState {
  readonly #statuses: Map<string, ServingStatus>;
  readonly #listeners = new Set<() => void>();
  #draining = false;

  constructor(services: readonly string[]) {
    this.#statuses = new Map([WHOLE_SERVER, ...services].map((name) => [name, ServingStatus.SERVING]));
  }

  /** `undefined` for a service that the server does not have. */
  statusOf(service: string): ServingStatus | undefined {
    const status = this.#statuses.get(service);
    return status !== undefined && this.#draining ? ServingStatus.NOT_SERVING : status;
  }

  /** Says whether a service (`""`: the server as a whole) can serve, such as when its database is gone. */
  set(service: string, serving: boolean): void {
    this.#statuses.set(service, serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
    this.#notify();
  }

  /** From now on nothing is served, whatever is set. */
  drain(): void {
    this.#draining = true;
    this.#notify();
  }

  /** Resolves at the next change; rejects with the signal's reason. */
  nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        this.#listeners.delete(onChange);
        signal.removeEventListener("abort", onAbort);
        outcome();
      };
      const onChange = (): void => settle(resolve);
      const onAbort = (): void => settle(() => reject(signal.reason as Error));
      this.#listeners.add(onChange);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** grpc.health.v1.Health over `state`. Asks nobody who he is, and answers while the server drains. */
export function healthService(state: HealthState): BoundService {
  return service(
    HealthDefinition,
    {
      check: (request) => check(request, state),
      watch: (request, context) => watch(request, context, state),
    },
    { anonymous: true, whileDraining: true },
  );
}

/** @throws {ServiceError} `RESOURCE_NOT_FOUND` for a service that the server does not have */
async function check({ service }: HealthCheckRequest, state: HealthState): Promise<HealthCheckResponse> {
  const status = state.statusOf(service);
  if (status === undefined) throw resourceNotFound("service", service);
  return Promise.resolve({ status });
}

/** The status now and at each change; a service that the server does not have is SERVICE_UNKNOWN. */
async function* watch(
  { service }: HealthCheckRequest,
  { signal }: CallContext,
  state: HealthState,
): AsyncGenerator<HealthCheckResponse> {
  const current = (): ServingStatus => state.statusOf(service) ?? ServingStatus.SERVICE_UNKNOWN;
  for (;;) {
    const status = current();
    yield { status };
    while (current() === status) await state.nextChange(signal);
  }
}
