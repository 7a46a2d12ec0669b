/**
 * C0 and C1 controls, and the characters that reverse the order of what follows: in a name they
 * could move the cursor, change colours or pretend to be another name.
 */
const UNSAFE = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Text from elsewhere as it may be printed on a terminal: one line, nothing that acts. */
export function escapeControls(text: string): string {
  return text
    .toWellFormed()
    .replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}}`);
}
