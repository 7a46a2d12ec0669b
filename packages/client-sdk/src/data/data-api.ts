import type { CallOptions } from "../options.js";
import type { ResumingRpc } from "../rpc/resuming-rpc.js";
import type { RequestSource } from "../rpc/rpc.js";
import type { ResumableStream } from "../rpc/streams.js";
import { createDatasetsApi } from "./datasets-api.js";
import { createGet } from "./get.js";
import { importItems } from "./import-items.js";
import { list } from "./list.js";
import { deleteItem, mutate, put } from "./mutate.js";
import type {
  ChangeItemOptions,
  DataItem,
  DatasetInfo,
  DeleteDatasetOptions,
  GetItemOptions,
  ImportOptions,
  ImportResult,
  ItemMutation,
  ItemReference,
  ListDatasetsOptions,
  ListItemsOptions,
  MutateOptions,
  MutationOutcome,
  OutgoingItem,
  StoredItem,
} from "./types.js";

/** What the operations on datasets are made of. */
export type DataDeps = ResumingRpc;

/** Items in datasets on the server. */
export interface DataApi {
  /**
   * One item.
   *
   * @returns `undefined` only if it still has the version of `ifVersionNotMatch`
   * @throws {StreamingError} NOT_FOUND if there is no such item or dataset
   */
  get(
    item: ItemReference,
    options: GetItemOptions & { readonly ifVersionNotMatch: number },
  ): Promise<DataItem | undefined>;
  get(item: ItemReference, options?: GetItemOptions): Promise<DataItem>;
  /**
   * All items in order of key (bytewise), one by one. Begins at once; goes on by itself after lost connections
   * and restarts of the server, so that each item comes once. Its `position` is where another listing, also of
   * a later process, goes on after the last item that the loop has finished; `undefined` while the server has not
   * said where the listing began. Holds one message of the server.
   *
   * @throws {StreamingError} from the loop: NOT_FOUND if there is no such dataset; INVALID_ARGUMENT for a filter
   *   that is none (INVALID_FILTER) and a position of another selection (INVALID_CURSOR); FAILED_PRECONDITION
   *   (SNAPSHOT_EXPIRED) if it took so long that the items as of the beginning are gone
   */
  list(options?: ListItemsOptions): ResumableStream<DataItem, string>;
  /**
   * Stores an item; resolves once it is durable. Tried again after lost connections and restarts of the server
   * until the outcome is known, and done once. So are `delete` and `mutate`.
   *
   * @throws {StreamingError} ABORTED (REVISION_MISMATCH) if `ifVersionMatch` does not hold; NOT_FOUND if there is
   *   no such dataset; INVALID_ARGUMENT for an item that is none or too large. After AbortError, DEADLINE_EXCEEDED
   *   and UNAVAILABLE the item may be stored or not
   */
  put(item: OutgoingItem, options?: ChangeItemOptions): Promise<StoredItem>;
  /** Deletes an item, if there is one. */
  delete(key: string, options?: ChangeItemOptions): Promise<void>;
  /**
   * Makes 1 to 10_000 changes, 3 MiB in all, in order.
   *
   * @returns what became of each
   */
  mutate(mutations: readonly ItemMutation[], options?: MutateOptions): Promise<readonly MutationOutcome[]>;
  /**
   * Stores items, however many, in batches, several at a time; the last item of a key counts. Reads `items` as they
   * are needed: holds `maxInFlight + 1` batches. Each batch is tried again after lost connections and restarts
   * of the server until its outcome is known, and stored once. Items whose batch is not acknowledged when it
   * fails may be stored or not.
   *
   * @throws {StreamingError} as `put`; for a single item only if there is no `onRejected`
   * @throws whatever `items` throws
   */
  import<T extends OutgoingItem>(items: RequestSource<T>, options?: ImportOptions<T>): Promise<ImportResult>;
  readonly datasets: DatasetsApi;
}

/** Datasets: named, ordered collections of items. */
export interface DatasetsApi {
  /** @throws {StreamingError} ALREADY_EXISTS if there is one of that name */
  create(name: string, options?: CallOptions): Promise<DatasetInfo>;
  /** @throws {StreamingError} NOT_FOUND if there is none */
  get(name: string, options?: CallOptions): Promise<DatasetInfo>;
  /** All datasets in ascending order of name, fetched page by page as the loop goes on. */
  list(options?: ListDatasetsOptions): AsyncIterable<DatasetInfo>;
  /**
   * Deletes a dataset and its items.
   *
   * @throws {StreamingError} NOT_FOUND unless `allowMissing`
   */
  delete(name: string, options?: DeleteDatasetOptions): Promise<void>;
}

/** The object behind `client.data`. */
export function createDataApi(deps: DataDeps): DataApi {
  return {
    get: createGet(deps),
    list: (options) => list(deps, options),
    put: (item, options) => put(deps, item, options),
    delete: (key, options) => deleteItem(deps, key, options),
    mutate: (mutations, options) => mutate(deps, mutations, options),
    import: (items, options) => importItems(deps, items, options),
    datasets: createDatasetsApi(deps),
  };
}
