import { describe, expect, it } from "@jest/globals";

import { escapeControls } from "./escape-controls.js";

describe("escapeControls", () => {
  it.each([
    ["plain name ü 文件.txt", "plain name ü 文件.txt"],
    ["\u001B[31mred", "\\u{1b}[31mred"],
    ["two\nlines\r", "two\\u{0a}lines\\u{0d}"],
    ["\u009B2J", "\\u{9b}2J"],
    ["txt.\u202Eexe", "txt.\\u{202e}exe"],
    ["\u0000\u007F", "\\u{00}\\u{7f}"],
    ["lone \uD800", "lone \uFFFD"],
  ])("makes %j safe to print", (text, escaped) => {
    expect(escapeControls(text)).toBe(escaped);
  });
});
