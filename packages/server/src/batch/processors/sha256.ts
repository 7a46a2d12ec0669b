import { createHash } from "node:crypto";

import { defineProcessor, type Processor } from "../processor.js";

/** `sha256`. */
export const sha256: Processor = defineProcessor({
  description: "Gives the SHA-256 of the payload, as 64 hexadecimal digits.",
  idempotent: true,
  run: (payload) => createHash("sha256").update(payload).digest("hex"),
});
