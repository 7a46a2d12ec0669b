import { invalidField, MAX_FIELD_PATHS } from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";

const MAX_PATH_NAMES = 32;

/** Names of fields, and which fields inside of them; `"all"`: all there are. */
export interface FieldTree extends ReadonlyMap<string, FieldTree | "all"> {}

/**
 * The fields that a request selects; `undefined`: all.
 *
 * @param paths names, or names joined by dots
 * @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` about `field`
 */
export function fieldTreeOf(field: string, paths: readonly string[]): FieldTree | undefined {
  if (paths.length === 0) return undefined;
  checkLimit(field, "max_field_paths", MAX_FIELD_PATHS, paths.length);
  const tree: Tree = new Map();
  for (const path of paths) {
    const names = path.split(".");
    if (names.includes("")) throw invalidField(field, "must be names, or names joined by dots");
    checkLimit(field, "max_field_path_names", MAX_PATH_NAMES, names.length);
    add(tree, names);
  }
  return tree;
}

type Tree = Map<string, Tree | "all">;

function add(tree: Tree, [name = "", ...rest]: readonly string[]): void {
  const known = tree.get(name);
  if (known === "all") return;
  if (rest.length === 0) tree.set(name, "all");
  else {
    const below = known ?? new Map<string, Tree | "all">();
    tree.set(name, below);
    add(below, rest);
  }
}
