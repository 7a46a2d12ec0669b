import { createRequire } from "node:module";

/** Version of this package. */
export const SERVER_VERSION: string = (
  createRequire(import.meta.url)("../../package.json") as { readonly version: string }
).version;
