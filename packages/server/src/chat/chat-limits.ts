import { DEFAULT_LIMITS } from "@millrace/shared-types";

import { type NumberRanges, resolveNumbers } from "../rpc/number-options.js";

import type { ChatLimits } from "./chat-deps.js";

const KIB = 1024;

const RANGES: NumberRanges<Partial<ChatLimits>> = {
  maxChatMessageBytes: { default: DEFAULT_LIMITS.maxChatMessageBytes, min: 1, max: 256 * KIB },
  maxChatMessagesPerSecond: { default: DEFAULT_LIMITS.maxChatMessagesPerSecond, min: 1, max: 1_000_000 },
};

/**
 * Limits with defaults for what is left out.
 *
 * @throws {OptionError} naming the one that is unknown or out of range
 */
export function resolveChatLimits(group: string, given: Partial<ChatLimits> = {}): ChatLimits {
  return resolveNumbers(group, given, RANGES);
}
