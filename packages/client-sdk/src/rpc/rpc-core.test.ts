import { describe, expect, it } from "@jest/globals";

import type { CallOptions } from "../options.js";
import { type RpcCore, withDefaults } from "./rpc-core.js";

const over = (defaults: CallOptions): RpcCore => ({ defaults }) as RpcCore;

describe("the defaults of calls", () => {
  it("are overridden by the call's own, header by header", () => {
    const core = over({ timeoutMs: 1, headers: { a: "1", b: "1" } });
    expect(withDefaults(core, { timeoutMs: 2, headers: { b: "2" } }, 30_000)).toEqual({
      timeoutMs: 2,
      headers: { a: "1", b: "2" },
    });
    expect(withDefaults(over({}), {}, 30_000)).toEqual({ timeoutMs: 30_000, headers: {} });
  });

  it("have no deadline for a stream, which only its own options give it", () => {
    const core = over({ timeoutMs: 1, idleTimeoutMs: 2 });
    expect(withDefaults(core, {})).toEqual({ idleTimeoutMs: 2, headers: {} });
    expect(withDefaults(core, { timeoutMs: 3 })).toMatchObject({ timeoutMs: 3 });
  });

  it("cannot hide an option that nobody knows", () => {
    expect(() => withDefaults(over({}), { timeout: 1 } as never)).toThrow("did you mean timeoutMs?");
  });
});
