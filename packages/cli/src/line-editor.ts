import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** Lines that can be gone back to. */
const HISTORY_SIZE = 1000;

/** Lines typed on a screen, with history, while what others write appears above them. Ctrl-C and Ctrl-D end it. */
export class LineEditor implements Disposable {
  readonly #screen: Writable;
  readonly #readline: Interface;
  readonly #lines: AsyncIterator<string>;
  #isClosed = false;

  /** @param interrupt called at Ctrl-C; whether there was something else than this to end */
  constructor(input: Readable, screen: Writable, prompt: string, interrupt: () => boolean = () => false) {
    this.#screen = screen;
    this.#readline = createInterface({ input, output: screen, terminal: true, prompt, historySize: HISTORY_SIZE });
    this.#lines = this.#readline[Symbol.asyncIterator]();
    this.#readline.on("SIGINT", () => {
      if (!interrupt()) this.#readline.close();
    });
    this.#readline.once("close", () => {
      this.#isClosed = true;
      this.#erase();
    });
  }

  /** What is typed, line by line. */
  async *lines(): AsyncGenerator<string, void, undefined> {
    this.#readline.prompt();
    for (let next = await this.#lines.next(); next.done !== true; next = await this.#lines.next()) {
      if (!this.#isClosed) this.#readline.prompt();
      yield next.value;
    }
  }

  /** Puts lines above the one that is being typed. */
  print(text: string): void {
    const rows = this.#isClosed ? 0 : this.#erase();
    // The prompt is drawn as many rows higher as the line took before.
    this.#screen.write(text + "\n".repeat(rows));
    if (!this.#isClosed) this.#readline.prompt(true);
  }

  [Symbol.dispose](): void {
    this.#readline.close();
  }

  /** Returns how many rows the line took besides the one of the cursor. */
  #erase(): number {
    const { rows } = this.#readline.getCursorPos();
    moveCursor(this.#screen, 0, -rows);
    cursorTo(this.#screen, 0);
    clearScreenDown(this.#screen);
    return rows;
  }
}
