import { type EncodedMessage, EncodedMessages } from "@millrace/shared-types";

import type { ResponseWriter } from "./response-writer.js";

/** Writes what a streaming handler yields: a message, or several that are serialized already. */
export function writeResponse<Res>(
  response: Res | EncodedMessages,
  responses: ResponseWriter,
  encode: (message: Res) => EncodedMessage,
): Promise<void> | undefined {
  if (response instanceof EncodedMessages) return responses.writeAll(response.messages);
  return responses.write(encode(response));
}
