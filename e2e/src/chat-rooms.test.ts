import { expect, it } from "@jest/globals";
import { seededRandom } from "@millrace/client-sdk/testing";

import { chatThroughCuts } from "./chat-rooms.js";
import { runSeed } from "./support/run-seed.js";
import { makeTempDir } from "./support/temp-dir.js";

it("lets every member of a room hear every message once and in one order, whatever becomes of the connections", async () => {
  await using dir = await makeTempDir();
  const report = await chatThroughCuts({
    dataDir: dir.path,
    rooms: 3,
    membersPerRoom: 8,
    messagesPerMember: 40,
    random: seededRandom(runSeed()),
  });
  expect(report).toMatchObject({ messages: 3 * 8 * 40, lost: 0, duplicates: 0, wrongMembers: 0, leaks: 0 });
  expect(report.heard).toBe(3 * 8 * 40 * 8);
}, 60_000);
