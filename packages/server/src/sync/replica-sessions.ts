import { ServiceError } from "@millrace/shared-types";

/** A session that can be ended by another one. */
interface Session {
  fail(reason: unknown): void;
}

/** Which session each replica has: one. */
export class ReplicaSessions {
  readonly #sessions = new Map<string, Session>();

  /** The replica has this session from now on; the one before ends. Disposing of what is returned gives it up. */
  enter(replicaId: string, session: Session): Disposable {
    this.#sessions.get(replicaId)?.fail(replaced(replicaId));
    this.#sessions.set(replicaId, session);
    return {
      [Symbol.dispose]: () => {
        if (this.#sessions.get(replicaId) === session) this.#sessions.delete(replicaId);
      },
    };
  }
}

function replaced(replicaId: string): ServiceError {
  return new ServiceError("CONSUMER_REPLACED", `replica ${JSON.stringify(replicaId)} has begun another session`);
}
