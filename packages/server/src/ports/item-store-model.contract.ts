import { randomInt } from "node:crypto";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { ItemStore, Row, RowMutation, RowOutcome, RowScan } from "./item-store.js";
import { SnapshotExpired } from "./item-store.js";
import { bytes, ContractClock, type ItemStorePlace, textOf } from "./item-store-drafts.contract.js";

const KEYS = ["a", "a\u0000", "a/", "a/b", "a/c", "b", "é", "\uffff", "\u{1f600}"];
const IDS = ["1", "3", "9007199254740993", "9223372036854775807"];

const anyKey = fc.constantFrom(...KEYS);
const anyMutation = fc.record({
  key: anyKey,
  data: fc.constantFrom(undefined, "", "1", "22"),
  id: fc.option(fc.constantFrom(...IDS), { freq: 4, nil: undefined }),
  expects: fc.constantFrom("any", "any", "any", "none", "actual", "other"),
  skipEqual: fc.boolean(),
});
type MutationStep = typeof anyMutation extends fc.Arbitrary<infer Step> ? Step : never;

const anyCommit = fc.record({
  kind: fc.constant("commit" as const),
  atomic: fc.boolean(),
  mutations: fc.array(anyMutation, { minLength: 1, maxLength: 5 }),
});
const anyStep = fc.oneof(
  { weight: 12, arbitrary: anyCommit },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("vacuum" as const), ageMs: fc.constantFrom(0, 1500, 4000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const) }) },
);
const anyScan = fc.record(
  {
    startKey: anyKey,
    endKey: anyKey,
    prefix: fc.constantFrom("", "a", "a/", "\u{1f600}", "z"),
    afterKey: anyKey,
    descending: fc.boolean(),
    keysOnly: fc.boolean(),
  },
  { requiredKeys: [] },
);

type ModelRow = Readonly<Record<"id" | "data", string>> & { readonly version: number };
type State = ReadonlyMap<string, ModelRow>;

/** One collection as its port says it should be, written down as simply as possible. */
class Model {
  state: State = new Map();
  /** After each commit that changed something: all of it, and when that was. */
  readonly history: { version: number; atMs: number; state: State }[] = [];
  #nextId = 1n;

  /** What is to become of mutations, in terms of `state`, if they are applied to a store of this version. */
  apply(mutations: readonly RowMutation[], atomic: boolean, version: number, atMs: number): readonly RowOutcome[] {
    const [before, nextId] = [this.state, this.#nextId];
    let last = version;
    const outcomes = mutations.map((mutation) => {
      const outcome = this.#applyOne(mutation, last + 1);
      if (outcome.type === "written") last += 1;
      return outcome;
    });
    if (!atomic || outcomes.every(({ type }) => type === "written" || type === "unchanged")) {
      if (last > version) this.history.push({ version: last, atMs, state: this.state });
      return outcomes;
    }
    [this.state, this.#nextId] = [before, nextId];
    return outcomes.map((outcome) => (outcome.type === "written" ? { ...outcome, type: "unchanged" } : outcome));
  }

  #applyOne({ put, deleteKey = "", ifVersion, skipEqual }: RowMutation, version: number): RowOutcome {
    const key = put?.key ?? deleteKey;
    const row = this.state.get(key);
    const actualVersion = row?.version ?? 0;
    if (ifVersion !== undefined && ifVersion !== actualVersion) return { type: "version-mismatch", actualVersion };
    if (put === undefined) {
      if (row === undefined) return { type: "unchanged", id: "0", version: 0 };
      this.state = new Map([...this.state].filter(([other]) => other !== key));
      return { type: "written", id: row.id, version, existed: true };
    }
    const owner = [...this.state].find(([, { id }]) => id === put.id)?.[0] ?? key;
    if (owner !== key || (put.id !== undefined && row !== undefined && row.id !== put.id)) return { type: "id-taken" };
    const id = put.id ?? row?.id ?? this.#freeId();
    const data = textOf(put) ?? "";
    if (skipEqual === true && row?.data === data) return { type: "unchanged", id, version: row.version };
    this.state = new Map([...this.state, [key, { id, data, version }]]);
    return { type: "written", id, version, existed: row !== undefined };
  }

  #freeId(): string {
    const taken = new Set([...this.state.values()].map(({ id }) => id));
    while (taken.has(String(this.#nextId))) this.#nextId += 1n;
    this.#nextId += 1n;
    return String(this.#nextId - 1n);
  }
}

function mutationOf(collection: string, { state }: Model, step: MutationStep): RowMutation {
  const { key, data, id, expects, skipEqual } = step;
  const actual = state.get(key)?.version ?? 0;
  const versions = { any: undefined, none: 0, actual, other: actual + 1 };
  const ifVersion = versions[expects as keyof typeof versions];
  const rest = { collection, ...(ifVersion !== undefined && { ifVersion }) };
  if (data === undefined) return { ...rest, deleteKey: key };
  return { ...rest, skipEqual, put: { key, head: bytes("h"), data: bytes(data), ...(id !== undefined && { id }) } };
}

/** The keys that a scan is to give. */
function keysIn(
  state: State,
  { startKey = "", endKey, prefix = "", afterKey, descending }: Partial<RowScan>,
): string[] {
  const order = (a: string, b: string): number => Buffer.compare(bytes(a), bytes(b));
  const isInside = (key: string): boolean =>
    order(key, startKey) >= 0 && (endKey === undefined || order(key, endKey) < 0) && key.startsWith(prefix);
  const isLeft = (key: string): boolean =>
    afterKey === undefined || (descending === true ? order(key, afterKey) < 0 : order(key, afterKey) > 0);
  const keys = [...state.keys()].filter((key) => isInside(key) && isLeft(key)).toSorted(order);
  return descending === true ? keys.toReversed() : keys;
}

async function scanPages(
  store: ItemStore,
  scan: Omit<RowScan, "maxRows" | "maxBytes">,
  maxRows: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let afterKey = scan.afterKey; ;) {
    const page = await store.scan({ ...scan, ...(afterKey !== undefined && { afterKey }), maxRows, maxBytes: 20 });
    rows.push(...page.rows);
    if (page.exhausted) return rows;
    afterKey = page.rows.at(-1)?.key;
  }
}

/** Brings a copy of `state`, as it was at `version`, up to date. */
async function replicate(store: ItemStore, collection: string, version: number, state: State): Promise<State> {
  const copy = new Map(state);
  const beganAt = version === 0 ? await store.version() : 0;
  for (let afterVersion = version; ;) {
    const page = await store.changes({ collection, afterVersion, beganAt, maxRows: 2, maxBytes: 1000 });
    for (const { key, id, data, deleted, version: changed } of page.rows) {
      expect(changed).toBeGreaterThan(afterVersion);
      if (deleted) copy.delete(key);
      else copy.set(key, { id, data: textOf({ data }) ?? "", version: changed });
    }
    if (page.exhausted) return copy;
    afterVersion = page.scannedTo;
  }
}

function sorted(state: State): unknown[] {
  return [...state].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Random histories on every ItemStore, compared with a {@link Model}: part of its contract. */
export function describeItemModel(name: string, makePlace: () => Promise<ItemStorePlace>): void {
  describe(`ItemStore contract, random histories: ${name}`, () => {
    let place: ItemStorePlace;
    let store: ItemStore;
    let clock: ContractClock;
    /** Nothing from this moment on was ever removed by a vacuum. */
    let vacuumedMs = 0;
    let rounds = 0;

    beforeEach(async () => {
      clock = new ContractClock();
      place = await makePlace();
      store = await place.open(clock);
    });

    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    /** Runs a history; the model of what is there then, and from which version on changes were never dropped. */
    async function run(
      collection: string,
      steps: readonly (typeof anyStep extends fc.Arbitrary<infer S> ? S : never)[],
    ) {
      let model = new Model();
      for (const step of steps) {
        clock.nowMs += 1000;
        if (step.kind === "vacuum") {
          vacuumedMs = Math.max(vacuumedMs, clock.nowMs - step.ageMs);
          while ((await store.vacuum(clock.nowMs - step.ageMs)) > 0);
        } else if (step.kind === "drop") {
          while ((await store.drop(collection)) > 0);
          model = new Model();
        } else await commit(collection, model, step);
      }
      return model;
    }

    async function commit(
      collection: string,
      model: Model,
      { mutations, atomic }: { readonly mutations: readonly MutationStep[]; readonly atomic: boolean },
    ): Promise<void> {
      const version = await store.version();
      const all = mutations.map((step) => mutationOf(collection, model, step));
      const expected = model.apply(all, atomic, version, clock.nowMs);
      const { outcomes } = await store.commit(all, { atomic });
      if (atomic && expected.some(({ type }) => type === "version-mismatch" || type === "id-taken")) {
        expect(outcomes.map(({ type }) => type)).toEqual(expected.map(({ type }) => type));
        expect(await store.version()).toBe(version);
      } else expect(outcomes).toEqual(expected);
    }

    /** Whether nothing that was there after a commit can have been removed by a vacuum since. */
    function isKept({ history }: Model, index: number): boolean {
      return history.slice(index + 1).every(({ atMs }) => atMs >= vacuumedMs);
    }

    async function checkSnapshots(collection: string, model: Model, scan: Partial<RowScan>, maxRows: number) {
      for (const [index, { version: snapshot, state }] of model.history.entries()) {
        try {
          const rows = await scanPages(store, { ...scan, collection, snapshot }, maxRows);
          expect(rows.map(({ key }) => key)).toEqual(keysIn(state, scan));
          for (const [key, row] of state) {
            const expected = { key, id: row.id, version: row.version, data: bytes(row.data), deleted: false };
            expect(await store.get(collection, { key }, snapshot)).toMatchObject(expected);
            expect(await store.get(collection, { id: row.id }, snapshot)).toMatchObject(expected);
          }
        } catch (error) {
          if (!(error instanceof SnapshotExpired) || isKept(model, index)) throw error;
        }
      }
    }

    async function checkReplicas(collection: string, model: Model) {
      for (const [index, { version, state }] of model.history.entries()) {
        try {
          expect(sorted(await replicate(store, collection, version, state))).toEqual(sorted(model.state));
        } catch (error) {
          if (!(error instanceof SnapshotExpired) || isKept(model, index)) throw error;
        }
      }
      expect(sorted(await replicate(store, collection, 0, new Map()))).toEqual(sorted(model.state));
    }

    it("agrees with a plain model about all snapshots, scans, ids and changes", async () => {
      const seed = randomInt(2 ** 31);
      process.stdout.write(`item-store-model.contract.ts (${name}): seed ${String(seed)}\n`);
      const property = fc.asyncProperty(
        fc.array(anyStep, { maxLength: 14 }),
        anyScan,
        fc.integer({ min: 1, max: 4 }),
        async (steps, scan, maxRows) => {
          rounds += 1;
          const collection = `random-${String(rounds)}`;
          const model = await run(collection, steps);
          await checkSnapshots(collection, model, scan, maxRows);
          await checkReplicas(collection, model);
          const { rows, dataBytes } = await store.size(collection);
          const expectedBytes = [...model.state.values()].reduce((sum, { data }) => sum + data.length, 0);
          expect({ rows, dataBytes }).toEqual({ rows: model.state.size, dataBytes: expectedBytes });
        },
      );
      await fc.assert(property, { seed, numRuns: 80 });
    }, 60_000);
  });
}
