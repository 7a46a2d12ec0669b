import type { ClientStatus } from "@millrace/client-sdk";

import type { CommandClient } from "./command-context.js";
import { waitingLine } from "./failure-line.js";
import type { ProgressBar } from "./progress-bar.js";

/** Failures in a row that make an outage: fewer are over before anybody has read of them. */
const OUTAGE_FAILURES = 3;

/** Says once per outage that a transfer goes on trying. */
export class OutageNotice {
  readonly #bar: ProgressBar;
  #isTold = false;

  constructor(bar: ProgressBar) {
    this.#bar = bar;
  }

  /** Listens until the client is closed. */
  async listen(client: Pick<CommandClient, "status">): Promise<void> {
    for await (const status of client.status()) this.#heed(status);
  }

  /** The transfer has got further: what fails from now on is another outage. */
  progressed(): void {
    this.#isTold = false;
  }

  #heed(status: ClientStatus): void {
    if (status.type !== "backoff" || status.attempt < OUTAGE_FAILURES || this.#isTold) return;
    this.#isTold = true;
    this.#bar.interject(waitingLine(status.error));
  }
}
