import type { StatusCode } from "@millrace/shared-types";

/** A failure that its status code describes in full: no reason of the contract stands behind it. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: StatusCode;

  constructor(code: StatusCode, message: string) {
    super(message);
    this.code = code;
  }
}
