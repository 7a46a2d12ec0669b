/** What a consumer is to do with an event, as its payload says. */
export type Task = "succeed" | "fail once" | "fail always" | "park";

/** Payload of the events. */
export interface WorkItem {
  readonly n: number;
  readonly task: Task;
  /** How long the handler takes, in milliseconds. */
  readonly ms: number;
}

/** A line of a consumer process. */
export interface WorkLine {
  readonly what: "started" | "succeeded" | "failed" | "parked";
  readonly n: number;
  readonly key: string;
  readonly sequence: number;
  readonly attempt: number;
  /** Of the machine's monotonic clock, the same for all processes, in nanoseconds. */
  readonly at: string;
}

export const SUBSCRIPTION = "work";

/** Event number `n`: most succeed, some do not. */
export function workItem(n: number, random: () => number): WorkItem {
  const task = n % 50 === 11 ? "park" : n % 50 === 23 ? "fail always" : n % 20 === 7 ? "fail once" : "succeed";
  return { n, task, ms: random() * 20 };
}

/** Whether an event ends among the parked ones. */
export function isToPark({ task }: WorkItem): boolean {
  return task === "park" || task === "fail always";
}
