import ts from "typescript";

/** One way in which a file names another module. */
export interface Import {
  /** As written: `./x.js`, `node:fs`, `@scope/name`. Undefined if it is computed at run time. */
  readonly specifier: string | undefined;
  /** Counted from 1. */
  readonly line: number;
}

/** Functions that load a module by its name. */
const LOADERS = new Set(["require", "getBuiltinModule"]);

/**
 * Every module that a TypeScript file names, in order: `import` (also of types, and dynamic),
 * `export … from`, `require`, `createRequire(…)(…)` and `process.getBuiltinModule`.
 */
export function importsOf(path: string, source: string): readonly Import[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest);
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    const name = namedModule(node);
    if (name) found.push({ specifier: literal(name), line: lineOf(file, node) });
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** The expression by which a node names a module, if it does. */
function namedModule(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node)) return node.argument;
  if (ts.isCallExpression(node) && isLoader(node.expression)) return node.arguments[0];
  return undefined;
}

function isLoader(callee: ts.Expression): boolean {
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return true;
  if (ts.isCallExpression(callee)) return nameOf(callee.expression) === "createRequire";
  return LOADERS.has(nameOf(callee));
}

function nameOf(callee: ts.Expression): string {
  const name = ts.isPropertyAccessExpression(callee) ? callee.name : callee;
  return ts.isIdentifier(name) ? name.text : "";
}

function literal(node: ts.Node): string | undefined {
  if (ts.isLiteralTypeNode(node)) return literal(node.literal);
  return ts.isStringLiteralLike(node) ? node.text : undefined;
}

function lineOf(file: ts.SourceFile, node: ts.Node): number {
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
}
