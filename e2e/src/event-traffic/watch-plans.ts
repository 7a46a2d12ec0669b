import type { EventSelection } from "@millrace/client-sdk";

import type { JournalEvent } from "../event-journal/event-journal.js";
import { orderIn } from "./draft-event.js";

/** A watcher to run: what it asks for, and the same in the test's own words. */
export interface WatchPlan {
  readonly name: string;
  readonly selection: EventSelection;
  readonly wants: (event: JournalEvent) => boolean;
  readonly start: "beginning" | "live";
  /** Is torn down after up to so many events, to go on from the token that it kept. Default: never. */
  readonly restartAfterEvents?: number;
}

/** Watchers of all, of types, of a condition and of one stream. */
export const WATCH_PLANS: readonly WatchPlan[] = [
  { name: "all from the beginning", selection: {}, wants: () => true, start: "beginning" },
  {
    name: "orders, torn down",
    selection: { types: ["order.*", "parcel.sent"] },
    wants: ({ type }) => type.startsWith("order.") || type === "parcel.sent",
    start: "beginning",
    restartAfterEvents: 200,
  },
  {
    name: "condition, live",
    selection: { filter: `event.attributes["region"] == "eu" && payload.total >= 500` },
    wants: (event) => orderIn(event).region === "eu" && orderIn(event).total >= 500,
    start: "live",
  },
  {
    name: "one stream, torn down",
    selection: { streams: ["bills"] },
    wants: ({ stream }) => stream === "bills",
    start: "beginning",
    restartAfterEvents: 1000,
  },
];
