import { defineProcessor, type Processor } from "../processor.js";

/** `echo`: to try things out. */
export const echo: Processor = defineProcessor({
  description: "Gives the payload back.",
  idempotent: true,
  run: (payload) => payload,
});
