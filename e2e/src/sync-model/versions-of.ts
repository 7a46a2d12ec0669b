import type { SyncChange } from "@millrace/shared-types";

/** A document's versions as a text that is equal for equal ones. */
export function versionsOf({ content, siblings }: Pick<SyncChange, "content" | "siblings">): string {
  const texts = [content, ...siblings.map((sibling) => sibling.content)].map((bytes) => Buffer.from(bytes).toString());
  return texts.join(" | ");
}
