import { StreamingServiceDefinition } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import { checkGetOptions, checkKey } from "./check-data-options.js";
import type { DataApi, DataDeps } from "./data-api.js";
import { toDataItem } from "./received-item.js";
import type { DataItem, GetItemOptions, ItemReference } from "./types.js";

/** The seed's definition does not say so, but reading may be repeated. */
const getData = {
  ...StreamingServiceDefinition.methods.getData,
  options: { idempotencyLevel: "NO_SIDE_EFFECTS" },
} as const;

/** The function behind `client.data.get`. See {@link DataApi.get}. */
export function createGet({ rpc }: DataDeps): DataApi["get"] {
  function get(
    item: ItemReference,
    options: GetItemOptions & { readonly ifVersionNotMatch: number },
  ): Promise<DataItem | undefined>;
  function get(item: ItemReference, options?: GetItemOptions): Promise<DataItem>;
  async function get(reference: ItemReference, options: GetItemOptions = {}): Promise<DataItem | undefined> {
    checkGetOptions(options);
    if (typeof reference === "string") checkKey(reference);
    const { dataset = "", fields = [], ifVersionNotMatch, ...call } = options;
    const item =
      typeof reference === "string"
        ? ({ $case: "key", value: reference } as const)
        : ({ $case: "id", value: reference.id } as const);
    const request = { dataset, item, ifVersionNotMatch, fields: [...fields] };
    const answer = await rpc.unary(StreamingServiceDefinition, getData, request, call);
    return answer.notModified ? undefined : toDataItem(present(answer.item, "item"));
  }
  return get;
}
