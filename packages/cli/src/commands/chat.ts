import { randomUUID } from "node:crypto";
import type { Writable } from "node:stream";

import type { ChatPresenceChange } from "@millrace/client-sdk";
import { Command } from "commander";

import { chatOutput } from "../chat-output.js";
import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { converse } from "../converse.js";
import { escapeControls } from "../escape-controls.js";
import { failureLine } from "../failure-line.js";
import { LineEditor } from "../line-editor.js";
import { linesOf } from "../lines-of.js";
import { integerFrom } from "../option-parsers.js";

interface ChatCommandOptions extends CommonOptions {
  readonly history: number;
}

/** `millrace chat ROOM`: what is typed is sent, what is said is printed. */
export function chatCommand(context: CommandContext): Command {
  const command = new Command("chat")
    .description("Talk in a room: sends each line of standard input, prints what is said there.")
    .argument("<room>", "name of the room")
    .option("--history <count>", "first print so many of the newest messages", integerFrom(0, 1000), 0);
  return withCommonOptions(command).action((room: string, options: ChatCommandOptions) =>
    context.screen === undefined ? pipe(context, room, options) : talk(context, context.screen, room, options),
  );
}

/** Lines in, lines out. Ends at the end of the input, once everything is stored and printed. */
async function pipe(context: CommandContext, name: string, options: ChatCommandOptions): Promise<void> {
  const { terminal, signal, input } = context;
  const { target, history: historyLimit, json } = options;
  await using client = await context.openClient(target);
  await using room = await client.chat.join({ room: name, historyLimit }, { signal });
  await converse(room, signal, {
    async send(over) {
      for await (const line of linesOf(input, over)) if (line !== "") await room.send(line);
    },
    async print() {
      for await (const message of room) await terminal.write(chatOutput(message, json));
    },
  });
}

/** With a person at a screen. What is refused is told, and the conversation goes on. */
async function talk(
  context: CommandContext,
  screen: Writable,
  name: string,
  options: ChatCommandOptions,
): Promise<void> {
  const { signal, input } = context;
  const { target, history: historyLimit, json } = options;
  await using client = await context.openClient(target);
  using editor = new LineEditor(input, screen, `${escapeControls(name)}> `);
  const onPresence = ({ member, online }: ChatPresenceChange): void => {
    if (!json) editor.print(`* ${escapeControls(member.userId)} ${online ? "came" : "went"}\n`);
  };
  await using room = await client.chat.join({ room: name, historyLimit }, { onPresence });
  /** What was typed here and has not come back: it is on the screen already. */
  const typed = new Set<string>();
  await converse(room, signal, {
    async send(over) {
      over.addEventListener("abort", () => editor[Symbol.dispose](), { once: true });
      for await (const content of editor.lines()) {
        if (content.trim() === "") continue;
        const clientMessageId = randomUUID();
        typed.add(clientMessageId);
        room.send({ content, clientMessageId }).catch((error: unknown) => {
          typed.delete(clientMessageId);
          editor.print(failureLine(error));
        });
      }
    },
    async print() {
      for await (const message of room) {
        if (!typed.delete(message.clientMessageId) || json) editor.print(chatOutput(message, json));
      }
    },
  });
}
