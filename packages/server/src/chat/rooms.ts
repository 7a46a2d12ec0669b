import { ServiceError } from "@millrace/shared-types";

import type { Mutation, RecordStore } from "../ports/record-store.js";
import { getJson, putJson, removeRecord, untilCommitted, type Versioned } from "../records/json-records.js";
import { KeyedLock } from "../records/keyed-lock.js";

import type { ChatStores } from "./chat-deps.js";
import { Room } from "./room.js";
import { openRoom, roomNotFound, type RoomRecord, ROOMS, streamOf } from "./room-record.js";
import { addRemoval } from "./room-removal.js";

/** Rooms whose messages go when they are old, by room id: what the upkeep looks at. */
const KEPT_ROOMS = "keptrooms";

/** A room, there until this is disposed of. */
export interface RoomUse extends Disposable {
  readonly room: Room;
}

/** The rooms. Those in use are in memory, once each; all changes of rooms go through here. */
export class Rooms {
  readonly #stores: ChatStores;
  readonly #open = new Map<string, Room>();
  /** By room id: opening, changing and removing it. */
  readonly #locks = new KeyedLock();

  constructor(stores: ChatStores) {
    this.#stores = stores;
  }

  /** Rooms that are in memory. */
  get inUse(): number {
    return this.#open.size;
  }

  /** @throws ServiceError `RESOURCE_NOT_FOUND` */
  use(roomId: string): Promise<RoomUse> {
    return this.#use(roomId, async () => (await this.#read(roomId)).value);
  }

  /** As `use`; if there is no such room, an open one is made, which belongs to `ownerId`. */
  useOrMake(roomId: string, ownerId: string): Promise<RoomUse> {
    return this.#use(roomId, () =>
      untilCommitted(async () => {
        const { records, clock } = this.#stores;
        const found = await getJson<RoomRecord>(records, ROOMS, roomId);
        if (found !== undefined) return found.value;
        const record = openRoom(roomId, ownerId, clock.now());
        await records.commit(putRoom(record, 0));
        return record;
      }),
    );
  }

  /** @throws ServiceError `RESOURCE_EXISTS` */
  make(record: RoomRecord): Promise<void> {
    const { roomId } = record;
    return this.#locks.run(roomId, () =>
      untilCommitted(async () => {
        if ((await getJson(this.#stores.records, ROOMS, roomId)) !== undefined) throw roomExists(roomId);
        await this.#stores.records.commit(putRoom(record, 0));
      }),
    );
  }

  /** Stores what `change` makes of the room, or throws what it throws. */
  change(roomId: string, change: (record: RoomRecord) => RoomRecord): Promise<RoomRecord> {
    return this.#locks.run(roomId, () =>
      untilCommitted(async () => {
        const { version, value: before } = await this.#read(roomId);
        const after = change(before);
        await this.#stores.records.commit(putRoom(after, version));
        this.#open.get(roomId)?.update(after);
        return after;
      }),
    );
  }

  /**
   * Deletes the room, unless `check` throws. Resolves once nobody is in it any more; its messages are gone
   * when the removal that this began is completed: see room-removal.ts. Returns its stream.
   */
  remove(roomId: string, check: (record: RoomRecord) => void): Promise<string> {
    return this.#locks.run(roomId, () =>
      untilCommitted(async () => {
        const { version, value: record } = await this.#read(roomId);
        check(record);
        const gone = [removeRecord(ROOMS, roomId, version), removeRecord(KEPT_ROOMS, roomId)];
        await this.#stores.records.commit([...gone, addRemoval(streamOf(record))]);
        const room = this.#open.get(roomId);
        this.#open.delete(roomId);
        await room?.remove();
        return streamOf(record);
      }),
    );
  }

  /** Stops the timers of all rooms, and waits for what they are storing. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((room) => room.close()));
    this.#open.clear();
  }

  async #use(roomId: string, load: () => Promise<RoomRecord>): Promise<RoomUse> {
    const opened = this.#open.get(roomId);
    if (opened !== undefined) return inUse(opened);
    return this.#locks.run(roomId, async () => {
      const room = this.#open.get(roomId) ?? new Room(await load(), this.#stores, (idle) => this.#forget(idle));
      this.#open.set(roomId, room);
      return inUse(room);
    });
  }

  #forget(room: Room): void {
    if (this.#open.get(room.roomId) === room) this.#open.delete(room.roomId);
  }

  async #read(roomId: string): Promise<Versioned<RoomRecord>> {
    const found = await getJson<RoomRecord>(this.#stores.records, ROOMS, roomId);
    if (found === undefined) throw roomNotFound(roomId);
    return found;
  }
}

/** Rooms whose messages go when they are old, after `after`. */
export async function listKeptRooms(
  records: RecordStore,
  after: string | undefined,
  limit: number,
): Promise<readonly string[]> {
  const found = await records.scan(KEPT_ROOMS, { limit, ...(after !== undefined && { after }) });
  return found.map(({ key }) => key);
}

function putRoom(record: RoomRecord, ifVersion: number): readonly Mutation[] {
  const kept = record.retentionMs === undefined ? [] : [{ collection: KEPT_ROOMS, key: record.roomId, value: "" }];
  return [putJson(ROOMS, record.roomId, record, ifVersion), ...kept];
}

function inUse(room: Room): RoomUse {
  const use = room.use();
  return { room, [Symbol.dispose]: () => use[Symbol.dispose]() };
}

function roomExists(roomId: string): ServiceError {
  return new ServiceError("RESOURCE_EXISTS", `there is a room ${JSON.stringify(roomId)} already`, {
    metadata: { resource_type: "room", resource_name: roomId },
  });
}
