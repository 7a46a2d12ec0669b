import { InternalError } from "../errors.js";
import { CHAT_METHOD } from "./chat-error.js";

/**
 * Calls a callback of the room's owner, if there is one.
 *
 * @throws {InternalError} if it throws: the room fails with it
 */
export function tell<T>(callback: ((fact: T) => void) | undefined, fact: T): void {
  try {
    callback?.(fact);
  } catch (cause) {
    throw new InternalError("a callback of the room threw", { method: CHAT_METHOD, cause });
  }
}
