import type { OutgoingEvent } from "@millrace/client-sdk";

import type { JournalEvent } from "../event-journal/event-journal.js";

/** What every event of the runs says; filters look into it. */
export interface Order {
  readonly region: string;
  readonly total: number;
}

/** An event whose texts are all given. */
export type DraftEvent = Required<Pick<OutgoingEvent, "id" | "type" | "stream" | "attributes" | "contentType">> & {
  readonly payload: string;
};

/** What an event says. */
export function orderIn({ payload }: JournalEvent): Order {
  return JSON.parse(payload) as Order;
}

const TYPES = ["order.created", "order.paid", "bill.sent", "parcel.sent"];
const STREAMS = ["orders", "bills", "parcels"];
const REGIONS = ["eu", "us", "asia"];

/** An event of random type, stream and content. */
export function draftEvent(id: string, random: () => number): DraftEvent {
  const oneOf = (values: readonly string[]): string => values[Math.floor(random() * values.length)] ?? "";
  const order: Order = { region: oneOf(REGIONS), total: Math.floor(random() * 1000) };
  return {
    id,
    type: oneOf(TYPES),
    stream: oneOf(STREAMS),
    attributes: { region: order.region },
    contentType: "application/json",
    payload: JSON.stringify({ ...order, note: "x".repeat(Math.floor(random() * 200)) }),
  };
}
