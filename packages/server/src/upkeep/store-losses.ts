import type { HealthState } from "../health/health-service.js";
import type { Logger } from "../rpc/logger.js";

/** The server as a whole, in the health protocol. */
const WHOLE_SERVER = "";

/**
 * Stores to which nothing can be written any more. What they have acknowledged they still have, and a new start of the server opens
 * them anew: so the log says it, and health, which is what supervisors look at.
 */
export class StoreLosses {
  readonly #log: Logger;
  #health: HealthState | undefined;
  #any = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(error: Error): void {
    this.#log.error(
      { err: error.cause ?? error, details: error.message },
      "nothing is stored any more: restart the server",
    );
    this.#any = true;
    this.#health?.set(WHOLE_SERVER, false);
  }

  /** From now on `health` says so; of what was lost before, too. */
  tell(health: HealthState): void {
    this.#health = health;
    if (this.#any) health.set(WHOLE_SERVER, false);
  }
}
