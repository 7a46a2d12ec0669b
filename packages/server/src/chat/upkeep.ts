import { Rounds } from "../upkeep/rounds.js";

import type { ChatDeps } from "./chat-deps.js";
import { changesAfter, completeChange, listPending } from "./changes.js";
import { completeRemoval, listRemovals } from "./room-removal.js";
import type { Room } from "./room.js";
import { listKeptRooms } from "./rooms.js";

/** Between two rounds, in milliseconds: what is older than a room keeps it is hidden at once and removed later. */
const PERIOD_MS = 30_000;

/** Of everything, at a time. */
const BATCH = 100;

/** Removes what has had its time and completes what was interrupted, for as long as the server runs. */
export function chatUpkeep(deps: ChatDeps): Rounds {
  const { clock, logger } = deps;
  const what = "clearing up after the chat";
  const rounds = new Rounds({ clock, logger, periodMs: PERIOD_MS, what }, (stopped) => sweep(deps, stopped));
  rounds.start();
  return rounds;
}

/** One round, or what there is time for before `stopped`. What fails is logged, and tried again in the next round. */
export async function sweep(deps: ChatDeps, stopped: () => boolean = () => false): Promise<void> {
  deps.rates.prune();
  for (const task of [completeChanges, completeRemovals, trimRooms]) {
    await attempt(deps, task.name, async () => task(deps, stopped));
  }
}

async function attempt({ logger }: ChatDeps, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (err) {
    logger.warn({ err, what }, "clearing up after the chat failed; trying again later");
  }
}

/** Edits and redactions that were cut off: their clients were not told that they are stored, nor that they are not. */
async function completeChanges(deps: ChatDeps, stopped: () => boolean): Promise<void> {
  for (const pending of await listPending(deps.records, BATCH)) {
    if (stopped()) return;
    await attempt(deps, "completeChange", async () => {
      using use = await deps.rooms.use(pending.roomId);
      const { room } = use;
      const isCutOff = room.stream === pending.stream && !room.changing.has(pending.messageId);
      if (isCutOff) await room.storing(() => completeChange(deps, room, pending));
    });
  }
}

async function completeRemovals(deps: ChatDeps, stopped: () => boolean): Promise<void> {
  for (const stream of await listRemovals(deps.records, BATCH)) {
    if (stopped()) return;
    await attempt(deps, "completeRemoval", () => completeRemoval(deps, stream));
  }
}

async function trimRooms(deps: ChatDeps, stopped: () => boolean): Promise<void> {
  for (let after: string | undefined; !stopped();) {
    const roomIds = await listKeptRooms(deps.records, after, BATCH);
    for (const roomId of roomIds) {
      await attempt(deps, "trimRoom", async () => {
        using use = await deps.rooms.use(roomId);
        await trimRoom(use.room, deps);
      });
    }
    after = roomIds.at(-1);
    if (after === undefined) return;
  }
}

/** Removes the messages that the room no longer keeps, but for its newest one, and what has become of them. */
async function trimRoom({ history, stream }: Room, { log, records }: ChatDeps): Promise<void> {
  const { firstRevision } = await history.extent();
  await log.truncate(stream, firstRevision);
  for (let after: string | undefined; ;) {
    const changes = await changesAfter(records, stream, after, BATCH);
    const changed = await Promise.all(changes.map(({ messageId }) => log.find(stream, messageId)));
    const gone = changes.filter((_, index) => changed[index] === undefined);
    if (gone.length > 0) await records.commit(gone.map(({ remove }) => remove));
    after = changes.at(-1)?.messageId;
    if (after === undefined) return;
  }
}
