import { text } from "node:stream/consumers";

import { StreamingError, type SyncChangeEvent, type SyncPolicy } from "@millrace/client-sdk";
import { Command, Option } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { durationMs } from "../option-parsers.js";
import { collectionLine, conflictLine, documentLine, goneLine } from "../sync-output.js";
import { type OpenedReplica, type ReplicaOptions, useReplica } from "../use-replica.js";

const POLICIES: readonly SyncPolicy[] = [
  "last-writer-wins",
  "field-last-writer-wins",
  "reject",
  "keep-siblings",
  "merge-function",
];

interface CreateOptions extends CommonOptions {
  readonly policy: SyncPolicy;
  readonly retention?: number;
}

/** `millrace sync …`: documents that are kept here and on the server. */
export function syncCommand(context: CommandContext): Command {
  return new Command("sync")
    .description(
      "Documents that are kept in a local replica and on the server; with --replica also without a connection.",
    )
    .addCommand(collectionsCommand(context))
    .addCommand(createCommand(context))
    .addCommand(replicaCommand("list", "Print the documents.", context, list))
    .addCommand(documentCommand("get", "Print a document.", context, get))
    .addCommand(putCommand(context))
    .addCommand(documentCommand("delete", "Delete a document.", context, remove))
    .addCommand(
      replicaCommand("watch", "Print the documents, and each one that changes, until Ctrl-C.", context, watch),
    )
    .addCommand(
      replicaCommand("conflicts", "Print the changes of this replica that were refused.", context, conflicts),
    );
}

function collectionsCommand({ openClient, terminal, signal }: CommandContext): Command {
  const command = new Command("collections").description("List the collections of the server.");
  return withCommonOptions(command).action(async ({ target, json }: CommonOptions) => {
    await using client = await openClient(target);
    for await (const info of client.sync.collections.list({ signal })) terminal.out(collectionLine(info, json));
  });
}

function createCommand({ openClient, terminal, signal }: CommandContext): Command {
  const command = new Command("create")
    .description("Make a collection.")
    .argument("<collection>", "1 to 128 of a-z, 0-9, - and _")
    .addOption(new Option("--policy <policy>", "for concurrent changes").choices(POLICIES).default(POLICIES[0]))
    .option("--retention <time>", "how long deletions are remembered, such as 12h or 30d", durationMs);
  return withCommonOptions(command).action(async (name: string, options: CreateOptions) => {
    const { target, json, policy, retention: tombstoneRetentionMs } = options;
    await using client = await openClient(target);
    const retention = tombstoneRetentionMs === undefined ? {} : { tombstoneRetentionMs };
    const created = await client.sync.collections.create(name, { policy, signal, ...retention });
    terminal.out(collectionLine(created, json));
  });
}

type Action = (replica: OpenedReplica, context: CommandContext, options: ReplicaOptions) => Promise<void>;
type DocumentAction = (
  replica: OpenedReplica,
  id: string,
  context: CommandContext,
  options: ReplicaOptions,
) => Promise<void>;

function replicaCommand(name: string, description: string, context: CommandContext, action: Action): Command {
  const command = new Command(name).description(description).argument("<collection>");
  return withReplicaOptions(command).action((collection: string, options: ReplicaOptions) =>
    useReplica(context, collection, options, (replica) => action(replica, context, options)),
  );
}

function documentCommand(name: string, description: string, context: CommandContext, action: DocumentAction): Command {
  const command = new Command(name).description(description).argument("<collection>").argument("<key>");
  return withReplicaOptions(command).action((collection: string, id: string, options: ReplicaOptions) =>
    useReplica(context, collection, options, (replica) => action(replica, id, context, options)),
  );
}

function putCommand(context: CommandContext): Command {
  const command = new Command("put")
    .description("Write a document.")
    .argument("<collection>")
    .argument("<key>")
    .argument("<value>", "JSON, or a text; or - for standard input");
  return withReplicaOptions(command).action(
    async (collection: string, id: string, given: string, options: ReplicaOptions) => {
      const value = jsonOrText(given === "-" ? await text(context.input) : given);
      await useReplica(context, collection, options, async (replica) => {
        await replica.documents.put(id, value);
        await tellStored(replica, id, context, options);
      });
    },
  );
}

function withReplicaOptions(command: Command): Command {
  return withCommonOptions(command).option("--replica <file>", "keep the replica there; default: nowhere");
}

async function list(replica: OpenedReplica, { terminal }: CommandContext, { json }: ReplicaOptions): Promise<void> {
  await replica.bringUpToDate();
  for (const document of replica.documents.query()) await terminal.write(documentLine(document, json));
}

async function get(
  replica: OpenedReplica,
  id: string,
  { terminal }: CommandContext,
  { json }: ReplicaOptions,
): Promise<void> {
  await replica.bringUpToDate();
  const document = replica.documents.get(id);
  if (document === undefined) throw new Error(`there is no document ${JSON.stringify(id)}`);
  terminal.out(json ? documentLine(document, json) : `${document.text()}\n`);
}

async function remove(
  replica: OpenedReplica,
  id: string,
  context: CommandContext,
  options: ReplicaOptions,
): Promise<void> {
  await replica.bringUpToDate();
  await replica.documents.delete(id);
  await tellStored(replica, id, context, options);
}

/** What the server refused was not stored. */
async function tellStored(
  { documents, bringUpToDate }: OpenedReplica,
  id: string,
  { terminal }: CommandContext,
  { json }: ReplicaOptions,
): Promise<void> {
  const isSynced = await bringUpToDate();
  for (const conflict of documents.conflicts()) {
    if (conflict.id === id) throw new Error(`refused: ${conflict.reason}: ${conflict.message}`);
  }
  if (json) terminal.out(`${JSON.stringify({ id, synced: isSynced })}\n`);
}

async function conflicts(
  { documents, bringUpToDate }: OpenedReplica,
  { terminal }: CommandContext,
  { json }: ReplicaOptions,
): Promise<void> {
  await bringUpToDate();
  for (const conflict of documents.conflicts()) terminal.out(conflictLine(conflict, json));
}

async function watch(
  { documents, bringUpToDate }: OpenedReplica,
  { terminal, signal }: CommandContext,
  { json }: ReplicaOptions,
): Promise<void> {
  const changes = documents.changes({ signal });
  try {
    await bringUpToDate();
  } catch (error) {
    if (!(signal.aborted && StreamingError.is(error))) throw error;
  }
  const isTold = new Set<string>();
  for (const document of documents.query()) {
    isTold.add(`${document.id} ${String(document.updatedAt.getTime())}`);
    await terminal.write(documentLine(document, json));
  }
  for await (const event of changes) await terminal.write(linesOf(event, json, isTold));

  /** What was printed at the beginning is not printed again. */
  function linesOf(event: SyncChangeEvent, asJson: boolean | undefined, told: Set<string>): string {
    if (event.type === "reload") return [...documents.query()].map((each) => documentLine(each, asJson)).join("");
    const { id, document } = event;
    if (document === undefined) return goneLine(id, asJson);
    return told.delete(`${id} ${String(document.updatedAt.getTime())}`) ? "" : documentLine(document, asJson);
  }
}

function jsonOrText(given: string): unknown {
  try {
    return JSON.parse(given) as unknown;
  } catch {
    return given;
  }
}
