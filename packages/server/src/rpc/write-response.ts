import { type EncodedMessage, EncodedMessages } from "@millrace/shared-types";

import { packsOf } from "./packed-messages.js";
import type { ResponseWriter } from "./response-writer.js";
import { SharedMessages } from "./shared-messages.js";

/** Writes what a streaming handler yields: a message, or several that are serialized already. */
export function writeResponse<Res>(
  response: Res | EncodedMessages,
  responses: ResponseWriter,
  encode: (message: Res) => EncodedMessage,
): Promise<void> | undefined {
  if (response instanceof SharedMessages) return responses.writeAll(response.packs());
  if (response instanceof EncodedMessages) return responses.writeAll(packsOf(response.messages));
  return responses.write(encode(response));
}
