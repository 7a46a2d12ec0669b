#!/usr/bin/env node
await import("../dist/require-node.js");
await import("../dist/main.js");
