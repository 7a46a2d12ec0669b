import { invalidField } from "@millrace/shared-types";

import { checkBytes, checkLimit } from "../events/check-limit.js";

/** Members of a closed room, besides its owner. */
const MAX_MEMBERS = 1000;
const MAX_USER_ID_BYTES = 255;

/** @throws ServiceError `LIMIT_EXCEEDED` or `INVALID_FIELD` unless a closed room can have these members */
export function checkMemberIds(field: string, memberIds: readonly string[]): void {
  checkLimit(field, "max_chat_members", MAX_MEMBERS, memberIds.length);
  for (const id of memberIds) {
    if (id === "") throw invalidField(field, "must not hold an empty user_id");
    checkBytes(field, "max_user_id_bytes", MAX_USER_ID_BYTES, id);
  }
}
