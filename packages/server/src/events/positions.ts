import type { TokenSigner } from "@millrace/shared-types";
import { ServiceError } from "@millrace/shared-types";

const KIND = "events";

/** Positions in the log as clients keep them: signed, of this log alone, good for any selection of events. */
export class Positions {
  readonly #signer: TokenSigner;
  readonly #clusterId: string;
  readonly #epoch: string;

  constructor(signer: TokenSigner, clusterId: string, epoch: string) {
    this.#signer = signer;
    this.#clusterId = clusterId;
    this.#epoch = epoch;
  }

  /** The position right after `sequence`. */
  tokenAfter(sequence: number): string {
    return this.#signer.sign({
      kind: KIND,
      clusterId: this.#clusterId,
      epoch: this.#epoch,
      shape: "",
      position: sequence,
    });
  }

  /**
   * The sequence after which `token` stands.
   *
   * @throws ServiceError `INVALID_CURSOR` if it is damaged or of something else, `EPOCH_CHANGED` if of an earlier log
   */
  sequenceOf(token: string): number {
    const { epoch, position } = this.#signer.verify(token, { kind: KIND, clusterId: this.#clusterId, shape: "" });
    if (epoch === this.#epoch) return Number(position);
    throw new ServiceError("EPOCH_CHANGED", "the log was built anew; start over", { metadata: { epoch: this.#epoch } });
  }
}
