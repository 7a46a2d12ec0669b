/** Where a command writes. Results go to `out`, everything for people to `err`. */
export interface Terminal {
  out(text: string): void;
  /** As `out`; resolves when the reader has taken it, or will not take it any more. */
  write(text: string): Promise<void>;
  err(text: string): void;
  /** Whether `err` is a screen, so that a line can be written over. */
  readonly isInteractive: boolean;
  /** Width of the screen in characters. */
  readonly columns: number;
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  write: (text) => new Promise((resolve) => void process.stdout.write(text, () => resolve())),
  err: (text) => void process.stderr.write(text),
  get isInteractive() {
    return process.stderr.isTTY;
  },
  get columns() {
    return process.stderr.columns || 80; // a terminal without a size has 0
  },
};
