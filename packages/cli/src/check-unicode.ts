/**
 * Refuses texts, and objects of texts, with half of a surrogate pair, which JSON can escape and UTF-8 cannot hold: they
 * would be stored as others.
 *
 * @throws {Error} naming the first
 */
export function checkUnicode(members: Readonly<Record<string, unknown>>): void {
  for (const [name, member] of Object.entries(members)) {
    if (!isUnicode(member)) throw new Error(`"${name}" is no Unicode: it has half a surrogate pair`);
  }
}

function isUnicode(member: unknown): boolean {
  if (typeof member === "string") return member.isWellFormed();
  if (typeof member !== "object" || member === null) return true;
  return Object.entries(member).every(([name, text]) => name.isWellFormed() && isUnicode(text));
}
