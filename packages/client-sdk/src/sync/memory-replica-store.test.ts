import { MemoryReplicaStore } from "./memory-replica-store.js";
import { describeReplicaStore } from "./replica-store.contract.js";

describeReplicaStore("memory", async () => {
  const store = new MemoryReplicaStore();
  return { open: async () => store, [Symbol.asyncDispose]: async () => {} };
});
