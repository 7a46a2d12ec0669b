import { homedir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { stateDirectory } from "./state-directory.js";

describe("stateDirectory", () => {
  it("is where XDG says, or below the home directory", () => {
    expect(stateDirectory({ XDG_STATE_HOME: "/state" })).toBe(join("/state", "millrace", "transfers"));
    const fallback = join(homedir(), ".local", "state", "millrace", "transfers");
    expect(stateDirectory({})).toBe(fallback);
    expect(stateDirectory({ XDG_STATE_HOME: "relative" })).toBe(fallback);
  });
});
