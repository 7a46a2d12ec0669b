/** A place between two items: so many items after a cursor of the server. */
export interface ListingPosition {
  /** `undefined`: the beginning, which the server has not named yet. */
  readonly cursor: string | undefined;
  readonly items: number;
}

/** Not a character of cursors. */
const SEPARATOR = "~";

/** @throws {TypeError} if `text` is no position of a listing */
export function parsePosition(text: unknown): ListingPosition {
  if (text === undefined) return { cursor: undefined, items: 0 };
  const [, cursor, items = "0"] = /^([^~]+)(?:~(\d{1,9}))?$/.exec(typeof text === "string" ? text : "") ?? [];
  if (cursor === undefined) throw new TypeError("option 'from' is not the position of a listing");
  return { cursor, items: Number(items) };
}

/** A text to begin another listing with; `undefined` if there is none yet. */
export function formatPosition({ cursor, items }: ListingPosition): string | undefined {
  return cursor === undefined || items === 0 ? cursor : `${cursor}${SEPARATOR}${String(items)}`;
}
