import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { createServer, partialService } from "@millrace/server";
import {
  encodeMessage,
  Event,
  EventServiceDefinition,
  type PublishRequest,
  PublishResponse,
  PublishStreamResponse,
} from "@millrace/shared-types";

import type { Contender, ContenderOptions } from "./contender.js";
import { storedEvent } from "./stored-event.js";

/** Our server and the same kind of database, but each publication is a transaction of its own, as it comes. */
export async function openCommitPerPublish({ dataDir }: ContenderOptions): Promise<Contender> {
  const database = new DatabaseSync(join(dataDir, "events.sqlite"));
  const publish = transactions(database);
  const server = await createServer({
    port: 0,
    services: [
      partialService(EventServiceDefinition, {
        publish: async (request) => publish(request),
        async *publishStream(requests) {
          for await (const { requestId, publish: request } of requests) {
            const value = publish(request ?? { stream: "", events: [] });
            yield PublishStreamResponse.fromPartial({ requestId, result: { $case: "published", value } });
          }
        },
      }),
    ],
  });
  return {
    port: server.port,
    async close() {
      await server.close();
      database.close();
    },
  };
}

/** Makes a transaction of each request. */
function transactions(database: DatabaseSync): (request: PublishRequest) => PublishResponse {
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE event (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL)");
  const insert = database.prepare("INSERT INTO event (sequence, id, bytes) VALUES (?, ?, ?)");
  let sequence = 0;
  return ({ events }) => {
    database.exec("BEGIN IMMEDIATE");
    const published = events.map((event) => {
      const stored = storedEvent(event, ++sequence);
      insert.run(sequence, stored.id, encodeMessage(Event, stored));
      return { id: stored.id, sequence, streamRevision: sequence };
    });
    database.exec("COMMIT");
    return PublishResponse.fromPartial({ events: published, streamRevision: sequence });
  };
}
