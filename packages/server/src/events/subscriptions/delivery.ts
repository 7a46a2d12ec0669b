import type { Delivery as DeliveryMessage } from "@millrace/shared-types";
import { timestampOfMs } from "@millrace/shared-types";

import type { LoadedWork } from "./work-queue.js";

/** One attempt to have an event processed. */
export interface Delivery {
  /** Good for this attempt only, on the stream that it was given to. */
  readonly ackId: string;
  readonly work: LoadedWork;
  /** When it is given up, on the monotonic clock, in milliseconds. */
  deadlineMs: number;
  /** The same on the wall clock, as the consumer was told. */
  readonly toldDeadlineMs: number;
  /** It was answered, given up or taken back. */
  isOver: boolean;
}

/** What the consumer is told. */
export function toDelivery({ ackId, work, toldDeadlineMs }: Delivery): DeliveryMessage {
  return {
    ackId,
    event: work.event.message,
    deliveryAttempt: work.attempts + 1,
    ackDeadline: timestampOfMs(toldDeadlineMs),
  };
}
