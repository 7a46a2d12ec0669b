import { expect, it } from "@jest/globals";
import { openEmbeddedStores } from "./embedded-stores.js";
import { mkdtemp } from "node:fs/promises";
import { SqliteQueryEngine } from "./sqlite-query-engine.js";

it("runs", async () => {
  const path = await mkdtemp("/tmp/q/data-");
  await using stores = await openEmbeddedStores(path);
  await using engine = new SqliteQueryEngine(path);
  const t0 = Date.now();
  const scope = { callerId: "", mayChat: true, nowMs: Date.now() };
  for (const sql of ["select 1 as a, 2 as a", "select * from items", "select * from events", "select * from files", "select * from chat_messages", "with items as (select * from records_db.records) select * from items", "select * from events_db.log"]) {
    try {
      await using q = await engine.open({ sql, parameters: [], scope }, new AbortController().signal);
      console.log(Date.now() - t0, q.columns.length, await q.read({ maxRows: 10, maxBytes: 1000 }));
    } catch (e) { console.log(sql, e); }
  }
});
