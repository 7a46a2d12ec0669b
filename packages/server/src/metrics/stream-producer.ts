import { invalidField, MAX_METRIC_NAME_BYTES, ServiceError } from "@millrace/shared-types";

import { checkBytes } from "../events/check-limit.js";
import type { ProducerProgress } from "../ports/metric-store.js";
import type { CallContext } from "../rpc/call-context.js";

/** Who numbers the samples of a stream, and how far it is with them. */
export class StreamProducer {
  readonly #callerId: string;
  /** As the first message says. */
  #given: string | undefined;
  #after = 0;

  constructor({ principal }: Pick<CallContext, "principal">) {
    this.#callerId = principal.id;
  }

  /** Whether samples are numbered. */
  get isNamed(): boolean {
    return this.#given !== undefined && this.#given !== "";
  }

  /** In the store: each caller has producers of its own. */
  get storeId(): string {
    return JSON.stringify([this.#callerId, this.#given ?? ""]);
  }

  /**
   * A message names its producer, or nobody.
   *
   * @throws ServiceError `PROTOCOL_VIOLATION` if an earlier one named another; `LIMIT_EXCEEDED` or `INVALID_FIELD`
   */
  name(given: string): void {
    if (this.#given === undefined) {
      checkBytes("producer_id", "max_metric_name_bytes", MAX_METRIC_NAME_BYTES, given);
      if (given.includes("\u0000")) throw invalidField("producer_id", "must not have NUL characters");
      this.#given = given;
    } else if (given !== "" && given !== this.#given) {
      throw new ServiceError("PROTOCOL_VIOLATION", "producer_id must be the same in all messages of a stream", {
        metadata: { expected: "producer_id of the first message" },
      });
    }
  }

  /** The next samples, in order, up to a sequence. */
  goOnTo(sequence: number): ProducerProgress | undefined {
    if (!this.isNamed) return undefined;
    const after = this.#after;
    this.#after = Math.max(after, sequence);
    return { id: this.storeId, after, upTo: this.#after };
  }
}
