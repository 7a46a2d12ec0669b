import { Client, credentials } from "@grpc/grpc-js";
import {
  encodeMessage,
  type Event,
  StartPosition,
  StreamingServiceDefinition,
  WatchRequest,
} from "@millrace/shared-types";

import { stockMethod } from "./contenders/stock-method.js";
import { type ContenderName, type RunningContender, startContender } from "./contenders/start-contender.js";
import { FrameCounter } from "./frame-counter.js";
import { connectEvents, fillLog } from "./publish-load.js";
import { median, rounded } from "./statistics.js";
import { writeResults } from "./write-results.js";

const CONTENDERS = ["nice-grpc", "millrace in memory", "millrace"] as const satisfies ContenderName[];
type Contender = (typeof CONTENDERS)[number];

/** Who watches, and how many times as fast as nice-grpc P5 of PERFORMANCE wants it. */
const CLIENTS = { "stock grpc-js": 2.5, "frame counter": 5 } as const;
type ClientName = keyof typeof CLIENTS;

const EVENTS = 200_000;
const ROUNDS = 5;

const WATCH = stockMethod(StreamingServiceDefinition, StreamingServiceDefinition.methods.watchEvents);

/** All that is stored, one event in each message. */
const REQUEST: WatchRequest = WatchRequest.fromPartial({
  start: { $case: "startPosition", value: StartPosition.BEGINNING },
  limit: EVENTS,
});

/** Watches to the end; gives how many messages came. */
const WATCHERS: Readonly<Record<ClientName, (port: number) => Promise<number>>> = {
  async "stock grpc-js"(port) {
    const client = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure());
    const call = client.makeServerStreamRequest(WATCH.path, WATCH.requestSerialize, WATCH.responseDeserialize, REQUEST);
    let messages = 0;
    call.on("data", (_: Event) => messages++);
    await new Promise((resolve, reject) => call.on("end", resolve).on("error", reject));
    client.close();
    return messages;
  },
  async "frame counter"(port) {
    using counter = await FrameCounter.open(port);
    counter.call(WATCH.path, encodeMessage(WatchRequest, REQUEST));
    await counter.untilEnded(1);
    return counter.messages;
  },
};

async function eventsPerSecond(server: RunningContender, client: ClientName): Promise<number> {
  const startedAt = performance.now();
  const messages = await WATCHERS[client](server.port);
  if (messages !== EVENTS) throw new Error(`${String(messages)} of ${String(EVENTS)} events came`);
  return (messages * 1000) / (performance.now() - startedAt);
}

/** All take turns, so that drift of the machine hits all alike; the first round warms up. */
async function measure(client: ClientName): Promise<Record<Contender, number[]>> {
  await using stack = new AsyncDisposableStack();
  const servers: RunningContender[] = [];
  for (const name of CONTENDERS) {
    const server = stack.use(await startContender(name));
    await using filler = connectEvents(server.target);
    await fillLog(filler.events, EVENTS);
    servers.push(server);
  }
  const rates: Record<Contender, number[]> = { "nice-grpc": [], "millrace in memory": [], millrace: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, name] of CONTENDERS.entries()) {
      const rate = await eventsPerSecond(servers[index] as RunningContender, client);
      if (round > 0) rates[name].push(rate);
    }
  }
  return rates;
}

async function rowsOf(client: ClientName): Promise<Record<string, unknown>[]> {
  const rates = await measure(client);
  const target = CLIENTS[client];
  return CONTENDERS.map((name) => {
    const ratio = median(rates[name].map((rate, round) => rate / (rates["nice-grpc"][round] ?? Number.NaN)));
    const verdict = `${String(target)} ${ratio >= target ? "met" : "MISSED"}`;
    return {
      client,
      server: name,
      "events/s": rounded(median(rates[name])),
      ratio: rounded(ratio, 2),
      target: name === "nice-grpc" ? "" : verdict,
    };
  });
}

const rows: Record<string, unknown>[] = [];
for (const client of Object.keys(CLIENTS) as ClientName[]) rows.push(...(await rowsOf(client)));
console.table(rows);
writeResults("watch", { rows });
