import { join } from "node:path";

import { describeItemStore } from "../../ports/item-store.contract.js";

import { SqliteItemStore } from "./sqlite-item-store.js";
import { openTemporaryFolder } from "./temporary-folder.js";

describeItemStore("sqlite", async () => {
  const folder = await openTemporaryFolder();
  return {
    persistent: true,
    open: (clock) => SqliteItemStore.open(join(folder.path, "items.db"), { clock }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});
