import type { Terminal } from "./terminal.js";

/** A terminal that remembers what was written. */
export class RecordingTerminal implements Terminal {
  stdout = "";
  stderr = "";
  readonly isInteractive: boolean;
  readonly columns: number;

  constructor({ isInteractive = false, columns = 80 }: { isInteractive?: boolean; columns?: number } = {}) {
    this.isInteractive = isInteractive;
    this.columns = columns;
  }

  out(text: string): void {
    this.stdout += text;
  }

  async write(text: string): Promise<void> {
    this.out(text);
  }

  err(text: string): void {
    this.stderr += text;
  }
}
