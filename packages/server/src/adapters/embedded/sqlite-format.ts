/** Versions of what is in the databases. Imports nothing. */

/** What is stored in a database, as which version of the server writes it. */
export interface FormatVersion {
  /** For people: `events`. */
  readonly holds: string;
  /** The database's `user_version`; 0: nothing is in it yet. */
  readonly version: number;
}

/** @throws Error if a newer version has written what this one would read */
export function checkFormatVersion(found: number, { holds, version }: FormatVersion): void {
  if (found <= version) return;
  throw new Error(`the ${holds} have format ${String(found)}, this server reads up to ${String(version)}`);
}
