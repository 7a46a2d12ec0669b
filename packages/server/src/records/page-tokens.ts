import type { TokenSigner } from "@millrace/shared-types";
import { DEFAULT_PAGE_SIZE, invalidField, MAX_PAGE_SIZE } from "@millrace/shared-types";

/** Where a listing goes on, as a signed text that only this server's data can have given out. */
export class PageTokens {
  readonly #signer: TokenSigner;
  readonly #clusterId: string;

  constructor(signer: TokenSigner, clusterId: string) {
    this.#signer = signer;
    this.#clusterId = clusterId;
  }

  /** The token of the next page, which begins after `after`; empty if there is none. `shape`: what is listed for whom. */
  tokenFor(after: string | undefined, shape: string): string {
    if (after === undefined) return "";
    return this.#signer.sign({ kind: "page", clusterId: this.#clusterId, shape, epoch: "", position: after });
  }

  /**
   * After what the page begins; `undefined` for the first page.
   *
   * @throws ServiceError `INVALID_CURSOR` if the token is damaged or of another listing
   */
  positionOf(token: string, shape: string): string | undefined {
    if (token === "") return undefined;
    return String(this.#signer.verify(token, { kind: "page", clusterId: this.#clusterId, shape }).position);
  }
}

/** Entries of a page, from what the request says. */
export function pageLimit(pageSize: number): number {
  if (pageSize < 0) throw invalidField("page_size", `is ${String(pageSize)}, must not be negative`);
  return Math.min(pageSize || DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
}
