import { describeBlobStore } from "../../ports/blob-store.contract.js";

import { MemoryBlobStore } from "./memory-blob-store.js";

describeBlobStore("memory", async () => ({
  persistent: false,
  open: async () => new MemoryBlobStore(),
  [Symbol.asyncDispose]: async () => {},
}));
