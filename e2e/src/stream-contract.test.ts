import { describe, it } from "@jest/globals";
import { describeStreamContract } from "@millrace/client-sdk/testing";

import { socketHarness } from "./support/socket-harness.js";

describeStreamContract({ describe, it }, socketHarness);
