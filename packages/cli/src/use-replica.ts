import type { ReplicaCollection, ReplicaStatus } from "@millrace/client-sdk";

import type { CommandContext, CommonOptions } from "./command-context.js";

export interface ReplicaOptions extends CommonOptions {
  /** File of the replica. */
  readonly replica?: string;
}

/** A replica that a command works on. */
export interface OpenedReplica {
  readonly documents: ReplicaCollection;
  /**
   * Waits until the replica and the server agree; a replica that is kept does not wait for a server that cannot be
   * reached.
   *
   * @returns whether they do
   */
  readonly bringUpToDate: () => Promise<boolean>;
}

/** Opens a replica for as long as `action` takes. Without a file, nothing is done unless the server can be reached. */
export async function useReplica(
  context: CommandContext,
  collection: string,
  { target, replica: path }: ReplicaOptions,
  action: (replica: OpenedReplica) => Promise<void>,
): Promise<void> {
  const { signal } = context;
  await using client = path === undefined ? await context.openClient(target) : context.createClient(target);
  const offline = new AbortController();
  const onStatus = ({ state, error }: ReplicaStatus): void => {
    if (state === "offline" && error !== undefined) offline.abort(error);
  };
  const place = path === undefined ? {} : { path };
  await using replica = await client.sync.open({ collections: [collection], ...place, onStatus });
  const bringUpToDate = async (): Promise<boolean> => {
    const patience = path === undefined ? signal : AbortSignal.any([signal, offline.signal]);
    try {
      await replica.synced({ signal: patience });
      return true;
    } catch (error) {
      if (signal.aborted || !offline.signal.aborted || replica.status.state === "failed") throw error;
      const { pendingChanges } = replica.status;
      const kept = pendingChanges === 0 ? "" : `; changes that are kept for later: ${String(pendingChanges)}`;
      context.terminal.err(`millrace: no connection to ${target}${kept}\n`);
      return false;
    }
  };
  await action({ documents: replica.collection(collection), bringUpToDate });
}
