/**
 * The seed's RPCs whose domains are not built yet: they answer UNIMPLEMENTED. The list only
 * shrinks; a test says how long it is.
 */
export const PENDING: ReadonlySet<string> = new Set();
