import type { FieldTree } from "./field-tree.js";

const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The fields of `tree` of a JSON object, or of each object of a list; what is no JSON, or neither of the two, stays as
 * it is. Values are copied as they are written: no number loses digits.
 */
export function projectJson(data: Uint8Array, tree: FieldTree): Uint8Array {
  let text: string;
  try {
    text = UTF_8.decode(data);
    JSON.parse(text);
  } catch {
    return data;
  }
  const projected = new JsonText(text).project(tree, true);
  return projected === undefined ? data : Buffer.from(projected);
}

/** A text that is known to be JSON, read from its start. */
class JsonText {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** What `tree` selects of the value here, which is passed over; `undefined` if it has no fields. */
  project(tree: FieldTree | "all", throughList: boolean): string | undefined {
    const first = this.#peek();
    if (tree !== "all" && first === "{") return this.#object(tree);
    if (tree !== "all" && first === "[" && throughList) return this.#list(tree);
    const whole = this.#value();
    return tree === "all" ? whole : undefined;
  }

  #object(tree: FieldTree): string {
    const members: string[] = [];
    for (this.#at += 1; this.#peek() !== "}"; this.#pass(",")) {
      const name = this.#value();
      this.#pass(":");
      const below = tree.get(JSON.parse(name) as string);
      const value = below === undefined ? void this.#value() : this.project(below, true);
      if (value !== undefined) members.push(`${name}:${value}`);
    }
    this.#at += 1;
    return `{${members.join(",")}}`;
  }

  /** Lists inside of lists have no fields. */
  #list(tree: FieldTree): string {
    const elements: string[] = [];
    for (this.#at += 1; this.#peek() !== "]"; this.#pass(",")) {
      const value = this.project(tree, false);
      if (value !== undefined) elements.push(value);
    }
    this.#at += 1;
    return `[${elements.join(",")}]`;
  }

  /** The whole value here. Without recursion: it may be nested deeply. */
  #value(): string {
    this.#peek();
    const start = this.#at;
    let depth = 0;
    do {
      const character = this.#peek();
      if (character === '"') this.#string();
      else if (character === "{" || character === "[") [depth, this.#at] = [depth + 1, this.#at + 1];
      else if (character === "}" || character === "]") [depth, this.#at] = [depth - 1, this.#at + 1];
      else if (character === "," || character === ":") this.#at += 1;
      else this.#word();
    } while (depth > 0);
    return this.#text.slice(start, this.#at);
  }

  #string(): void {
    for (this.#at += 1; this.#text[this.#at] !== '"'; this.#at += 1) if (this.#text[this.#at] === "\\") this.#at += 1;
    this.#at += 1;
  }

  /** A number, `true`, `false` or `null`. */
  #word(): void {
    while (this.#at < this.#text.length && /[-+.\w]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  /** The next character that is no space; the place is there then. */
  #peek(): string {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    return this.#text[this.#at] ?? "";
  }

  #pass(character: string): void {
    if (this.#peek() === character) this.#at += 1;
  }
}
