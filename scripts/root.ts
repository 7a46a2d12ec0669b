import { dirname } from "node:path";

/** The repository's top folder. */
export const ROOT: string = dirname(import.meta.dirname);
