import { describe, expect, it } from "@jest/globals";
import { CreateDatasetRequest } from "@millrace/shared-types";

import { contextOf } from "../files/files-fixture.test.support.js";

import { createDataset } from "./create-dataset.js";
import { fill, keysOf, listed, openDataFixture } from "./data-fixture.test.support.js";
import type { DataDeps } from "./data-deps.js";
import { deleteDataset } from "./delete-dataset.js";
import { getDataset } from "./get-dataset.js";
import { listDatasets } from "./list-datasets.js";
import { sweep } from "./upkeep.js";

const context = contextOf();

function create(deps: DataDeps, name: string): ReturnType<typeof createDataset> {
  return createDataset(CreateDatasetRequest.fromPartial({ dataset: { name } }), context, deps);
}

describe("datasets", () => {
  it("are made, described and listed in pages; two are there always", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    await create(data, "mine");
    await fill(data, 3, "mine");
    const { dataset } = await getDataset({ name: "mine" }, context, data);
    const createTime = { seconds: Date.UTC(2026, 0, 1) / 1000, nanos: 0 };
    expect(dataset).toEqual({ name: "mine", itemCount: 3, sizeBytes: 18, version: 3, createTime });
    const first = await listDatasets({ pageSize: 2, pageToken: "" }, context, data);
    const rest = await listDatasets({ pageSize: 2, pageToken: first.nextPageToken }, context, data);
    expect([...first.datasets, ...rest.datasets].map(({ name }) => name)).toEqual(["default", "items", "mine"]);
    expect(rest.nextPageToken).toBe("");
  });

  it("cannot be made twice, nor with any name", async () => {
    await using fixture = await openDataFixture();
    await expect(create(fixture.data, "default")).rejects.toMatchObject({ reason: "RESOURCE_EXISTS" });
    for (const name of ["", "A", "a/b", "$x", "x".repeat(129)]) {
      await expect(create(fixture.data, name)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    }
  });

  it("are empty when they are made again, and their items go for good", async () => {
    await using fixture = await openDataFixture();
    const { data, items, records } = fixture;
    await create(data, "mine");
    await fill(data, 10, "mine");
    const [record] = await records.scan("datasets", { prefix: "mine", limit: 1 });
    const { collection } = JSON.parse(record?.value ?? "") as { collection: string };
    await deleteDataset({ name: "mine", allowMissing: false }, context, data);
    await expect(getDataset({ name: "mine" }, context, data)).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    await create(data, "mine");
    expect(await keysOf(listed(data, { dataset: "mine" }))).toEqual([]);
    await sweep(data);
    expect(await items.size(collection)).toMatchObject({ rows: 0 });
    fixture.clock.advance(600_000);
    await sweep(data);
    expect(await records.scan("droppeditems", { limit: 10 })).toEqual([]);
  });

  it("that are not there can be deleted only by those who do not mind", async () => {
    await using fixture = await openDataFixture();
    const request = { name: "never", allowMissing: false };
    await expect(deleteDataset(request, context, fixture.data)).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    expect(await deleteDataset({ ...request, allowMissing: true }, context, fixture.data)).toEqual({});
  });
});
