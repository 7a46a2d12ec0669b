import type { DataDeps } from "../../data/data-deps.js";
import { DEFAULT_DATASET, loadDataset } from "../../data/dataset-record.js";
import { checkItemKey, rowDraftOf } from "../../data/row-draft.js";
import type { RowMutation } from "../../ports/item-store.js";
import type { AtomicProcessor } from "../atomic-processor.js";
import { defineProcessor, type ProcessorContext } from "../processor.js";

/** Attributes that say where the item goes; the others are the item's. */
const OWN = ["dataset", "key", "name"] as const;

/**
 * `dataset.put`: stores the payload as an item of a dataset. The attributes `dataset` (default: `default`), `key` and
 * `name` say which; the others, and the content type, become the item's. Putting what is there already changes nothing.
 */
export function datasetPut(data: Pick<DataDeps, "records" | "items" | "limits">): AtomicProcessor {
  const changeOf = (payload: Uint8Array, context: ProcessorContext): Promise<RowMutation> =>
    putOf(payload, context, data);
  const processor = defineProcessor({
    description: "Stores the payload in a dataset. Attributes: dataset, key, name; others become the item's.",
    idempotent: true,
    async run(payload, context) {
      const { outcomes } = await data.items.commit([await changeOf(payload, context)], { atomic: true });
      const [outcome] = outcomes;
      if (outcome?.type !== "written" && outcome?.type !== "unchanged") throw new Error("a put was refused");
      return JSON.stringify({ id: outcome.id, version: outcome.version });
    },
  });
  return { ...processor, validate: async (payload, context) => void (await changeOf(payload, context)), changeOf };
}

async function putOf(
  payload: Uint8Array,
  { attributes: all, contentType }: ProcessorContext,
  data: Pick<DataDeps, "records" | "limits">,
): Promise<RowMutation> {
  const attributes = new Map(all);
  const [dataset, key, name] = OWN.map((own) => {
    const value = attributes.get(own) ?? "";
    attributes.delete(own);
    return value;
  }) as [string, string, string];
  checkItemKey("attributes.key", key);
  const put = rowDraftOf(key, { data: payload, name, contentType, attributes }, "", data);
  const { collection } = (await loadDataset(data.records, dataset || DEFAULT_DATASET, "attributes.dataset")).value;
  return { collection, put, skipEqual: true };
}
