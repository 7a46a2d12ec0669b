/** Thrown by a handler: the event is to come again after `delayMs`, whatever the subscription's delays. */
export class RetryLater extends Error {
  override readonly name = "RetryLater";
  /** In milliseconds; `undefined`: the subscription's delay. */
  readonly delayMs: number | undefined;

  constructor(delayMs?: number, message = "to be handled later", options?: ErrorOptions) {
    super(message, options);
    this.delayMs = delayMs;
  }
}

/** Thrown by a handler: trying again is of no use. The event is kept aside, with the message, for `replayParked`. */
export class Park extends Error {
  override readonly name = "Park";
}
