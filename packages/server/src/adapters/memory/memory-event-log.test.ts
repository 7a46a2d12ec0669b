import { describeEventLog } from "../../ports/event-log.contract.js";

import { MemoryEventLog } from "./memory-event-log.js";

describeEventLog("memory", async () => ({
  persistent: false,
  open: async (clock) => new MemoryEventLog({ clock }),
  [Symbol.asyncDispose]: async () => {},
}));
