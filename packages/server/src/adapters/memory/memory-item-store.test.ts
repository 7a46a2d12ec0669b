import { describeItemStore } from "../../ports/item-store.contract.js";

import { MemoryItemStore } from "./memory-item-store.js";

describeItemStore("memory", async () => ({
  persistent: false,
  open: async (clock) => new MemoryItemStore({ clock }),
  [Symbol.asyncDispose]: async () => {},
}));
