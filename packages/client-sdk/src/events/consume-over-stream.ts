import {
  type ConsumeOpen,
  type ConsumeOpened,
  type ConsumeResponse,
  EventServiceDefinition,
  type Gap,
  msOfDuration,
  type PartialMessage,
} from "@millrace/shared-types";

import { UnavailableError } from "../errors.js";
import { present } from "../files/file-info.js";
import type { CallOptions } from "../options.js";
import { ConsumeSession } from "./consume-session.js";
import type { EventsDeps } from "./events-api.js";
import type { HandlerPool } from "./handler-pool.js";

const { consume } = EventServiceDefinition.methods;

const METHOD = "streaming.v1.EventService/Consume";

/** What one stream of a consumer works on. */
export interface ConsumeTask {
  readonly open: PartialMessage<ConsumeOpen>;
  readonly pool: HandlerPool;
  /** Called when the server has attached the consumer. */
  readonly onOpened: (session: ConsumeSession) => void;
  /** Called when the subscription gets on. */
  readonly onProgress: () => void;
  readonly onGap: (gap: Gap) => void;
  /** Whether the session was told to finish. */
  readonly isFinished: () => boolean;
}

/**
 * Consumes over one stream until the server has answered everything that was said before the session's
 * `finish`. Nothing of it runs any more when it settles.
 *
 * @throws {StreamingError} what ended the stream before that
 */
export async function consumeOverStream(
  { rpc, clock }: EventsDeps,
  task: ConsumeTask,
  call: CallOptions,
): Promise<void> {
  await using stream = rpc.duplex(EventServiceDefinition, consume, call);
  using session = new ConsumeSession(stream, clock);
  session.say({ $case: "open", value: task.open });
  for await (const { kind } of stream) {
    if (kind?.$case === "opened") begin(kind.value, session, task);
    else if (kind !== undefined) heed(kind, task);
  }
  if (task.isFinished()) return;
  const message = "the server ended the stream of a consumer that has not finished";
  throw new UnavailableError(message, { method: METHOD, origin: "server", retryable: true });
}

function begin({ subscription }: ConsumeOpened, session: ConsumeSession, { pool, onOpened }: ConsumeTask): void {
  const { ackDeadline, orderedByKey } = present(subscription, "subscription");
  const ackDeadlineMs = msOfDuration(present(ackDeadline, "subscription.ack_deadline"));
  pool.isOrdered = orderedByKey;
  session.extend(ackDeadlineMs, () => pool.toExtend());
  onOpened(session);
}

function heed(kind: NonNullable<ConsumeResponse["kind"]>, { pool, onProgress, onGap }: ConsumeTask): void {
  onProgress();
  if (kind.$case === "deliveries") {
    for (const delivery of kind.value.deliveries) pool.deliver(delivery);
  } else if (kind.$case === "ackResult") {
    pool.confirmed(kind.value.acked);
    pool.expired(kind.value.expired);
  } else if (kind.$case === "control" && kind.value.kind?.$case === "gap") {
    onGap(kind.value.kind.value);
  }
}
