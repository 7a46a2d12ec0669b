import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { QueryBatch, QueryScalar, QueryScope } from "../../ports/query-engine.js";

import { type EmbeddedStores, openEmbeddedStores } from "./embedded-stores.js";
import type { SqliteQueryEngine, SqliteQueryEngineOptions } from "./sqlite-query-engine.js";

/** An engine over stores of its own, in a folder of its own. */
export interface QueryFixture extends AsyncDisposable {
  readonly path: string;
  readonly stores: EmbeddedStores;
  readonly engine: SqliteQueryEngine;
  /** All rows of a statement. */
  rows(sql: string, parameters?: readonly QueryScalar[], scope?: Partial<QueryScope>): Promise<QueryBatch["rows"]>;
}

export async function openQueryFixture(options: SqliteQueryEngineOptions = {}): Promise<QueryFixture> {
  const path = await mkdtemp(join(tmpdir(), "millrace-query-"));
  const stores = await openEmbeddedStores(path);
  const engine = stores.openQueryEngine(options);
  return {
    path,
    stores,
    engine,
    async rows(sql, parameters = [], scope = {}) {
      await using query = await engine.open({ sql, parameters, scope: scopeOf(scope) }, NEVER);
      const rows: (readonly QueryScalar[])[] = [];
      for (;;) {
        const batch = await query.read({ maxRows: 100, maxBytes: 100_000 });
        rows.push(...batch.rows);
        if (batch.done) return rows;
      }
    },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await stores[Symbol.asyncDispose]();
      await rm(path, { recursive: true, force: true });
    },
  };
}

export const NEVER: AbortSignal = new AbortController().signal;

/** Somebody whom nobody knows, at a fixed time. */
export function scopeOf(scope: Partial<QueryScope> = {}): QueryScope {
  return { callerId: "", mayChat: true, nowMs: Date.UTC(2026, 10, 20), ...scope };
}

/** Every file below a folder, with a hash of its content; but for what readers of a database share. */
export async function filesUnder(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashed = paths
    .filter((path) => !path.endsWith("-shm"))
    .map(
      async (path) =>
        [
          path,
          createHash("sha256")
            .update(await readFile(path))
            .digest("hex"),
        ] as const,
    );
  return new Map(await Promise.all(hashed));
}
