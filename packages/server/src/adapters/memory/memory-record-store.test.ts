import { describeRecordStore } from "../../ports/record-store.contract.js";

import { MemoryRecordStore } from "./memory-record-store.js";

describeRecordStore("memory", async () => ({
  persistent: false,
  open: async () => new MemoryRecordStore(),
  [Symbol.asyncDispose]: async () => {},
}));
