import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** Where unfinished transfers of this user are remembered (XDG base directories: state). */
export function stateDirectory(environment: NodeJS.ProcessEnv): string {
  const configured = environment["XDG_STATE_HOME"];
  // The specification says to ignore relative paths.
  const base = configured && isAbsolute(configured) ? configured : join(homedir(), ".local", "state");
  return join(base, "millrace", "transfers");
}
