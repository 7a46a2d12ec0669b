import { posix } from "node:path";

import ts from "typescript";

import type { Sources } from "./sources.ts";

/** An RPC as TypeScript names it: `FileService.getFile`; `FileService.*` stands for all of a service. */
export type RpcKey = string;

/** A function, a class or a constant at the top of a file. */
export interface Declaration {
  readonly path: string;
  readonly name: string;
  readonly node: ts.Node;
}

/** A named member of an object literal or of a class. */
export interface Member {
  readonly name: string;
  readonly node: ts.Node;
}

/** A value of another file of the same package. */
interface Imported {
  readonly path: string;
  readonly name: string;
}

interface Module {
  /** What the names at the top of the file stand for. */
  readonly declarations: ReadonlyMap<string, ts.Node>;
  /** By their local names. */
  readonly imports: ReadonlyMap<string, Imported>;
}

/** What refers to what in a set of sources, at the level of top-level declarations. Types count for nothing. */
export class CodeMap {
  readonly #modules: ReadonlyMap<string, Module>;

  constructor(sources: Sources) {
    this.#modules = new Map([...sources].map(([path, source]) => [path, readModule(path, source)]));
  }

  /** Every function, class and constant at the top of a file. */
  get declarations(): readonly Declaration[] {
    return [...this.#modules].flatMap(([path, { declarations }]) =>
      [...declarations].map(([name, node]) => ({ path, name, node })),
    );
  }

  /** What a name in the file `path` stands for, if it is one of ours. */
  lookUp(path: string, name: string): Declaration | undefined {
    const target = this.#modules.get(path)?.imports.get(name) ?? { path, name };
    const node = this.#modules.get(target.path)?.declarations.get(target.name);
    return node && { ...target, node };
  }

  /**
   * Every RPC that `node` of the file `path` names, itself or through what it refers to. Does not
   * follow references to what `isBoundary` holds for.
   */
  rpcsReachedFrom(path: string, node: ts.Node, isBoundary: (node: ts.Node) => boolean): ReadonlySet<RpcKey> {
    const found = new Set<RpcKey>();
    const seen = new Set<ts.Node>();
    const follow = (from: string, at: ts.Node): void => {
      if (seen.has(at)) return;
      seen.add(at);
      for (const key of rpcsNamedIn(at)) found.add(key);
      for (const name of identifiersIn(at)) {
        const next = this.lookUp(from, name);
        if (next && !isBoundary(next.node)) follow(next.path, next.node);
      }
    };
    follow(path, node);
    return found;
  }
}

/** What stands at the top of an object: the members of a class, of an object literal, or of what a function returns. */
export function membersOf(declaration: ts.Node): readonly Member[] {
  return objectsOf(declaration).flatMap((object) =>
    object.flatMap((node) => (node.name && ts.isIdentifier(node.name) ? [{ name: node.name.text, node }] : [])),
  );
}

type Elements = readonly (ts.ClassElement | ts.ObjectLiteralElementLike)[];

function objectsOf(node: ts.Node): readonly Elements[] {
  if (ts.isClassDeclaration(node)) return [node.members];
  if (ts.isObjectLiteralExpression(node)) return [node.properties];
  if (ts.isVariableDeclaration(node)) return node.initializer ? objectsOf(node.initializer) : [];
  if (ts.isParenthesizedExpression(node)) return objectsOf(node.expression);
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) return objectsOf(node.body);
  if (!ts.isFunctionDeclaration(node) && !ts.isArrowFunction(node)) return [];
  return node.body ? [...nodesIn(node.body)].filter(ts.isReturnStatement).flatMap(returned) : [];
}

function returned({ expression }: ts.ReturnStatement): readonly Elements[] {
  return expression && ts.isObjectLiteralExpression(expression) ? [expression.properties] : [];
}

/** All nodes below `root`, `root` included. */
export function* nodesIn(root: ts.Node): Generator<ts.Node> {
  const rest = [root];
  for (let node = rest.pop(); node; node = rest.pop()) {
    yield node;
    const children: ts.Node[] = [];
    ts.forEachChild(node, (child) => void children.push(child));
    rest.push(...children.toReversed());
  }
}

/** `FileService` for the identifier `FileServiceDefinition`. */
export function serviceOf(node: ts.Node | undefined): string | undefined {
  return node && ts.isIdentifier(node) ? /^(\w+)Definition$/.exec(node.text)?.[1] : undefined;
}

function* rpcsNamedIn(root: ts.Node): Generator<RpcKey> {
  for (const node of nodesIn(root)) {
    if (ts.isPropertyAccessExpression(node)) yield* keyed(methodsOf(node.expression), [node.name.text]);
    if (ts.isBindingElement(node)) yield* keyed(methodsBoundBy(node), [boundProperty(node)]);
    if (ts.isCallExpression(node) && isTypedClient(node)) {
      for (const argument of node.arguments) yield* keyed(serviceOf(argument), ["*"]);
    }
  }
}

/** Functions that make a client of every RPC of a service. */
const TYPED_CLIENTS = new Set(["createTypedClient", "typedMethods"]);

function isTypedClient(node: ts.CallExpression): boolean {
  return ts.isIdentifier(node.expression) && TYPED_CLIENTS.has(node.expression.text);
}

/** `FileService` for the expression `FileServiceDefinition.methods`. */
function methodsOf(node: ts.Expression): string | undefined {
  return ts.isPropertyAccessExpression(node) && node.name.text === "methods" ? serviceOf(node.expression) : undefined;
}

/** `FileService` for `getFile` in `const { getFile } = FileServiceDefinition.methods`. */
function methodsBoundBy(element: ts.BindingElement): string | undefined {
  const declaration = element.parent.parent;
  return ts.isVariableDeclaration(declaration) && declaration.initializer
    ? methodsOf(declaration.initializer)
    : undefined;
}

function keyed(service: string | undefined, methods: readonly string[]): readonly RpcKey[] {
  return service === undefined ? [] : methods.map((method) => `${service}.${method}`);
}

function boundProperty({ name, propertyName }: ts.BindingElement): string {
  const property = propertyName ?? name;
  return ts.isIdentifier(property) ? property.text : "";
}

function* identifiersIn(root: ts.Node): Generator<string> {
  for (const node of nodesIn(root)) {
    if (ts.isIdentifier(node) && !isNameOfProperty(node)) yield node.text;
  }
}

function isNameOfProperty(node: ts.Identifier): boolean {
  return ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
}

function readModule(path: string, source: string): Module {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const declarations = new Map(file.statements.flatMap(declaredBy));
  return { declarations, imports: new Map(file.statements.flatMap((node) => importedBy(path, node))) };
}

function declaredBy(statement: ts.Statement): readonly (readonly [string, ts.Node])[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.flatMap(bindingsOf);
  if (!ts.isFunctionDeclaration(statement) && !ts.isClassDeclaration(statement)) return [];
  return statement.name ? [[statement.name.text, statement]] : [];
}

/** Each name with the smallest node that says what it stands for. */
function bindingsOf(node: ts.VariableDeclaration | ts.BindingElement): readonly (readonly [string, ts.Node])[] {
  if (ts.isIdentifier(node.name)) return [[node.name.text, node]];
  return node.name.elements.flatMap((element) => (ts.isBindingElement(element) ? bindingsOf(element) : []));
}

function importedBy(path: string, statement: ts.Statement): readonly (readonly [string, Imported])[] {
  if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) return [];
  const bindings = statement.importClause?.namedBindings;
  const { text } = statement.moduleSpecifier;
  if (!text.startsWith(".") || !bindings || !ts.isNamedImports(bindings) || isTypeOnly(statement)) return [];
  const target = posix.join(posix.dirname(path), text).replace(/\.js$/, ".ts");
  return bindings.elements
    .filter((element) => !element.isTypeOnly)
    .map(({ name, propertyName }) => [name.text, { path: target, name: (propertyName ?? name).text }] as const);
}

function isTypeOnly({ importClause }: ts.ImportDeclaration): boolean {
  return importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}
