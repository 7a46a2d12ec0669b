import type { ConsumeNack, ConsumeRequest, ConsumeResponse } from "@millrace/shared-types";
import { invalidField, NackAction, protocolViolation } from "@millrace/shared-types";

import type { CallContext } from "../../rpc/call-context.js";

import type { Consumer } from "./consumer.js";
import type { ConsumerOptions } from "./consumer-options.js";
import { consumerOptionsOf } from "./consumer-options.js";
import type { LiveSubscription } from "./live-subscription.js";
import type { SubscriptionsDeps } from "./open-subscriptions.js";
import type { Verdict } from "./outcomes.js";
import { durationField, MAX_ACK_DEADLINE_MS, MAX_RETRY_DELAY_MS, toSubscription } from "./subscription-config.js";

/** An id that is longer is none of ours. */
const MAX_ACK_ID_CHARS = 128;

/** What is kept of the reason with which an event was given back. */
const MAX_REASON_CHARS = 1024;

/**
 * Delivers the events of a subscription to one of its consumers, and takes its acknowledgements. Each id in
 * an ack or nack is answered once: as acked when what was said about it is durable, or as expired. The stream
 * ends with OK after the consumer's half-close, when all is answered; however it ends, what was not
 * acknowledged goes to others at once.
 */
export async function* consume(
  requests: AsyncIterable<ConsumeRequest>,
  { signal, draining }: CallContext,
  { subscriptions }: SubscriptionsDeps,
): AsyncGenerator<ConsumeResponse, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  const { name, options } = await readOpen(iterator);
  await using lease = await subscriptions.lease(name);
  signal.throwIfAborted();
  const { live } = lease;
  const consumer = live.attach(options);
  const onAbort = (): void => consumer.outbox.fail(signal.reason);
  const onDraining = (): void => consumer.wantNoMore();
  signal.addEventListener("abort", onAbort, { once: true });
  draining.addEventListener("abort", onDraining, { once: true });
  try {
    yield { kind: { $case: "opened", value: { subscription: toSubscription(live.config) } } };
    void receive(iterator, consumer, live);
    for (let next = await consumer.outbox.take(); next !== undefined; next = await consumer.outbox.take()) yield next;
  } finally {
    signal.removeEventListener("abort", onAbort);
    draining.removeEventListener("abort", onDraining);
    live.detach(consumer);
  }
}

async function readOpen(
  iterator: AsyncIterator<ConsumeRequest>,
): Promise<{ readonly name: string; readonly options: ConsumerOptions }> {
  const first = await iterator.next();
  if (first.done === true || first.value.kind?.$case !== "open") throw protocolViolation("open as the first message");
  const { value } = first.value.kind;
  return { name: value.subscription, options: consumerOptionsOf(value) };
}

/** Reads what the consumer says until its stream ends. Never rejects: a failure ends the consumer's stream. */
async function receive(
  iterator: AsyncIterator<ConsumeRequest>,
  consumer: Consumer,
  live: LiveSubscription,
): Promise<void> {
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      if (consumer.outbox.isOver) return;
      handle(next.value, consumer, live);
      await consumer.untilAnswered();
    }
    live.halfClose(consumer);
  } catch (error) {
    consumer.outbox.fail(error);
  }
}

/** @throws ServiceError `PROTOCOL_VIOLATION`, `INVALID_FIELD` */
function handle({ kind }: ConsumeRequest, consumer: Consumer, live: LiveSubscription): void {
  switch (kind?.$case) {
    case "ack":
      checkIds("ack.ack_ids", kind.value.ackIds);
      return live.judge(consumer, kind.value.ackIds, { kind: "done" }, kind.value.cumulative);
    case "nack":
      checkIds("nack.ack_ids", kind.value.ackIds);
      return live.judge(consumer, kind.value.ackIds, verdictOf(kind.value));
    case "extend": {
      checkIds("extend.ack_ids", kind.value.ackIds);
      const deadlineMs = durationField("extend.deadline", kind.value.deadline, 1, MAX_ACK_DEADLINE_MS);
      return live.extend(consumer, kind.value.ackIds, deadlineMs ?? live.config.ackDeadlineMs);
    }
    case "credit":
      if (!consumer.options.manualCredit) throw protocolViolation("credit only with manual_credit");
      if (kind.value.events < 0) throw invalidField("credit.events", "must not be negative");
      return live.addCredit(consumer, kind.value.events);
    case "open":
      throw protocolViolation("open only as the first message");
    case undefined:
      throw protocolViolation("ack, nack, extend or credit");
  }
}

function verdictOf({ action, delay, reason }: ConsumeNack): Verdict {
  const delayMs = durationField("nack.delay", delay, 0, MAX_RETRY_DELAY_MS);
  const kept = reason.slice(0, MAX_REASON_CHARS);
  switch (action) {
    case NackAction.SKIP:
      return { kind: "done" };
    case NackAction.PARK:
      return { kind: "park", reason: kept };
    case NackAction.UNSPECIFIED:
    case NackAction.RETRY:
      return { kind: "retry", reason: kept, ...(delayMs !== undefined && { delayMs }) };
    default:
      throw invalidField("nack.action", `is ${String(action)}`);
  }
}

function checkIds(field: string, ackIds: readonly string[]): void {
  const long = ackIds.find(({ length }) => length > MAX_ACK_ID_CHARS);
  if (long !== undefined) throw invalidField(field, `has an id of ${String(long.length)} characters`);
}
