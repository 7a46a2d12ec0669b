import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { ROOT } from "./root.ts";

type Versions = Readonly<Record<string, string>>;

interface Manifest {
  readonly dependencies?: Versions;
  readonly devDependencies?: Versions;
}

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const manifest = (path: string): Manifest => JSON.parse(read(path)) as Manifest;

const MANIFESTS = globSync(["package.json", "{packages,examples}/*/package.json", "{gen,e2e,bench}/package.json"], {
  cwd: ROOT,
});

/** Below these, hostile input ends the process or the data: docs/adr/0009 and the advisories of 2026. */
const FLOORS: Readonly<Record<string, readonly number[]>> = {
  "@grpc/grpc-js": [1, 14, 7],
  "@bufbuild/protobuf": [2, 17, 0],
  node: [24, 18, 1],
  protobufjs: [8, 6, 5],
  "ts-proto": [2, 12, 1],
};

function isAtLeast(version: string, floor: readonly number[]): boolean {
  const parts = version.split(".").map(Number);
  const different = floor.findIndex((part, index) => parts[index] !== part);
  return different === -1 || (parts[different] ?? 0) > (floor[different] ?? 0);
}

const DEPENDENCIES = MANIFESTS.flatMap((path) => {
  const { dependencies = {}, devDependencies = {} } = manifest(path);
  return Object.entries({ ...devDependencies, ...dependencies }).map(([name, version]) => ({ path, name, version }));
});

describe("the supply chain", () => {
  it("pins every dependency to one version", () => {
    const exact = /^(workspace:\^|(npm:@?[\w/.-]+@)?\d+\.\d+\.\d+)$/;
    expect(DEPENDENCIES.length).toBeGreaterThan(20);
    expect(DEPENDENCIES.filter(({ version }) => !exact.test(version))).toEqual([]);
  });

  it("takes no version with a known hole", () => {
    const floored = DEPENDENCIES.filter(({ name }) => name in FLOORS);
    expect(new Set(floored.map(({ name }) => name))).toEqual(new Set(Object.keys(FLOORS)));
    expect(floored.filter(({ name, version }) => !isAtLeast(version, FLOORS[name]!))).toEqual([]);
  });

  it("locks every package by its content, from the registry", () => {
    const resolutions = read("pnpm-lock.yaml").match(/^ +resolution: .*$/gm) ?? [];
    expect(resolutions.length).toBeGreaterThan(100);
    expect(resolutions.filter((line) => !/^ +resolution: \{integrity: sha512-[\w+/=]+\}$/.test(line))).toEqual([]);
  });

  it("lets only Node's own package run an install script", () => {
    const [, allowed] = /^onlyBuiltDependencies:\n((?: +- .*\n)+)/m.exec(read("pnpm-workspace.yaml")) ?? [];
    expect(allowed?.trim()).toBe("- node");
  });

  it("gives users of the SDK at most three direct dependencies", () => {
    expect(Object.keys(manifest("packages/client-sdk/package.json").dependencies ?? {}).length).toBeLessThanOrEqual(3);
  });

  it("pins CI's actions by commit and gives them no rights by default", () => {
    const workflow = read(".github/workflows/ci.yaml");
    const uses = workflow.match(/uses: .*/g) ?? [];
    expect(uses.filter((line) => !/^uses: [\w/-]+@[0-9a-f]{40}( #|$)/.test(line))).toEqual([]);
    expect(workflow).toMatch(/^permissions: \{\}$/m);
  });
});
