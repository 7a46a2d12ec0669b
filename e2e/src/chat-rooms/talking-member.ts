import type { ChatMessage, ChatRoom, StreamingClient } from "@millrace/client-sdk";
import { type Tally, tally } from "@millrace/client-sdk/testing";

/** Someone in a room who says something and writes down what is said. */
export class TalkingMember {
  readonly room: string;
  readonly heard: ChatMessage[] = [];
  /** What was acknowledged. */
  readonly said: string[] = [];
  readonly #name: string;
  readonly #client: StreamingClient;
  readonly #count: Tally = tally();
  #joined: ChatRoom | undefined;
  #listening: Promise<void> = Promise.resolve();

  constructor(client: StreamingClient, room: string, name: string) {
    this.#client = client;
    this.room = room;
    this.#name = name;
  }

  get joins(): number {
    return this.#joined?.attempts ?? 0;
  }

  /** Joins, to hear everything that was ever said; then says so many things, one after the other. */
  async talk(count: number): Promise<void> {
    const joined = await this.#client.chat.join(
      { room: this.room, after: { sequence: 0 } },
      { headers: { "x-user": this.#name }, heartbeatMs: 1000 },
    );
    this.#joined = joined;
    this.#listening = this.#listen(joined);
    this.#listening.catch(() => {}); // told by `leave`
    for (let n = 0; n < count; n++) {
      const content = `${this.room} ${this.#name} ${String(n)}`;
      await joined.send(content);
      this.said.push(content);
    }
  }

  /** Resolves when so many messages were heard, or none will be heard any more. */
  async hasHeard(count: number): Promise<void> {
    await Promise.race([this.#count.reached(count), this.#joined?.closed]);
  }

  /** Rejects with what the room failed with. */
  async leave(): Promise<void> {
    await this.#joined?.leave();
    await this.#listening;
  }

  async #listen(joined: ChatRoom): Promise<void> {
    for await (const message of joined) {
      this.heard.push(message);
      this.#count.add();
    }
  }
}
