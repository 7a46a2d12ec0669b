import { globSync } from "node:fs";
import { dirname, join } from "node:path";

import fc from "fast-check";
import protobuf from "protobufjs";

import type { MessageType } from "./service-definition.js";

const REPOSITORY = join(import.meta.dirname, "../../..");
const PROTO_FOLDERS = ["proto", "packages/shared-types/proto"].map((folder) => join(REPOSITORY, folder));
const GENERATED = join(REPOSITORY, "gen/ts");

/** Reads the proto files with protobufjs: independent of buf and ts-proto. */
export function loadProtos(): protobuf.Root {
  const root = new protobuf.Root();
  const files = PROTO_FOLDERS.flatMap((folder) =>
    globSync("**/*.proto", { cwd: folder }).map((file) => join(folder, file)),
  );
  // What is not ours (google/protobuf/…) protobufjs brings along.
  root.resolvePath = (_origin, target) => files.find((file) => file.endsWith(`/${target}`)) ?? target;
  root.loadSync(files, { alternateCommentMode: true });
  root.resolveAll();
  return root;
}

/** Every message of the proto files, by the name of its generated export, such as `google.rpc.Help_Link`. */
export function schemasOf(root: protobuf.Root): ReadonlyMap<string, protobuf.Type> {
  const schemas = new Map<string, protobuf.Type>();
  const visit = (parent: protobuf.NamespaceBase, prefix: string): void => {
    for (const child of parent.nestedArray) {
      if (!(child instanceof protobuf.Namespace)) continue;
      if (child instanceof protobuf.Type) schemas.set(prefix + child.name, child);
      visit(child, `${prefix}${child.name}${child instanceof protobuf.Type ? "_" : "."}`);
    }
  };
  visit(root, "");
  return schemas;
}

/** Every message type that gen/ exports, but for map entries, which are no messages of their own. */
export async function generatedTypes(): Promise<ReadonlyMap<string, MessageType<unknown>>> {
  const types = new Map<string, MessageType<unknown>>();
  for (const file of globSync("**/*.ts", { cwd: GENERATED }).toSorted()) {
    const module = (await import(`#gen/${file.replace(/\.ts$/, ".js")}`)) as Readonly<Record<string, unknown>>;
    for (const [name, value] of Object.entries(module)) {
      if (isMessageType(value)) types.set(`${dirname(file).replaceAll("/", ".")}.${name}`, value);
    }
  }
  return types;
}

function isMessageType(value: unknown): value is MessageType<unknown> {
  return (
    typeof value === "object" && value !== null && "encode" in value && "decode" in value && "fromPartial" in value
  );
}

type Message = Record<string, unknown>;

const arbitraries = new Map<protobuf.Type, fc.Arbitrary<Message>>();

/** Messages as ts-proto shapes them, made from the schema alone. */
export function arbitraryMessage(schema: protobuf.Type): fc.Arbitrary<Message> {
  const known = arbitraries.get(schema) ?? messageWithin(schema, []);
  arbitraries.set(schema, known);
  return known;
}

/** A message of a type that may contain itself does so once. */
function messageWithin(schema: protobuf.Type, within: readonly protobuf.Type[]): fc.Arbitrary<Message> {
  const path = [...within, schema];
  const mayContain = ({ resolvedType }: protobuf.Field): boolean =>
    path.filter((type) => type === resolvedType).length < 2;
  const fields = schema.fieldsArray
    .filter((field) => !isInOneof(field))
    .map((field) => [
      jsName(field),
      mayContain(field) ? arbitraryField(field, path) : fc.constant(field.repeated ? [] : undefined),
    ]);
  const oneofs = schema.oneofsArray
    .filter((oneof) => !oneof.isProto3Optional)
    .map((oneof) => [oneof.name, arbitraryOneof(oneof.fieldsArray.filter(mayContain), path)]);
  return fc.record(Object.fromEntries([...fields, ...oneofs]) as Record<string, fc.Arbitrary<unknown>>, {
    noNullPrototype: true,
  });
}

function isInOneof(field: protobuf.Field): boolean {
  return field.partOf !== null && !field.partOf.isProto3Optional;
}

function arbitraryField(field: protobuf.Field, path: readonly protobuf.Type[]): fc.Arbitrary<unknown> {
  const value = arbitraryValue(field, path);
  if (field instanceof protobuf.MapField) {
    const key = SCALARS[field.keyType] ?? TEXT;
    return fc.array(fc.tuple(key, value), { maxLength: 3 }).map((entries) => new Map(entries));
  }
  // Messages in lists in messages in lists: three of each would make most of the work.
  if (field.repeated) return fc.array(value, { maxLength: field.resolvedType instanceof protobuf.Type ? 2 : 3 });
  const mayBeAbsent = field.partOf !== null || field.resolvedType instanceof protobuf.Type;
  return mayBeAbsent
    ? fc.option(value.map(asSent), { nil: undefined })
    : fc.oneof(fc.constant(defaultOf(field)), value);
}

/** Where absence can be told from emptiness, empty bytes are sent, and come back as a view of the message. */
function asSent(value: unknown): unknown {
  return value === NO_BYTES ? Buffer.alloc(0) : value;
}

function arbitraryOneof(fields: readonly protobuf.Field[], path: readonly protobuf.Type[]): fc.Arbitrary<unknown> {
  const cases = fields.map((field) =>
    arbitraryValue(field, path).map((value) => ({ $case: jsName(field), value: asSent(value) })),
  );
  return fc.option(fc.oneof(...cases), { nil: undefined });
}

/** What generated code puts where no bytes came. */
const NO_BYTES = new Uint8Array(0);

/** Short and long, ASCII and not. */
const TEXT = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.tuple(fc.constantFrom("a", "é", "✓", "🙂"), fc.nat(300)).map(([unit, count]) => unit.repeat(count)),
);

const BYTES = fc
  .tuple(fc.oneof(fc.nat(40), fc.constantFrom(127, 128, 1023, 1024, 5000, 20_000)), fc.nat(255))
  .map(([length, fill]) => (length === 0 ? NO_BYTES : Buffer.alloc(length, fill)));

const INT64 = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.nat(300));
const FLOATS = fc.oneof(fc.double(), fc.integer()).map((value) => value + 0); // no -0: it is not sent

const SCALARS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: TEXT,
  bytes: BYTES,
  bool: fc.boolean(),
  double: FLOATS,
  fixed32: fc.nat(0xffff_ffff),
  uint32: fc.nat(0xffff_ffff),
  int32: fc.integer(),
  int64: INT64,
  sint32: fc.integer(),
};

function arbitraryValue(field: protobuf.Field, path: readonly protobuf.Type[]): fc.Arbitrary<unknown> {
  const { resolvedType } = field;
  if (isFieldMask(field)) return fc.array(TEXT, { maxLength: 3 });
  if (resolvedType instanceof protobuf.Type) return messageWithin(resolvedType, path);
  if (resolvedType instanceof protobuf.Enum)
    return fc.constantFrom(...Object.values(resolvedType.values), 1_000_000, -1);
  if (isString64(field)) return fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String);
  const scalar = SCALARS[field.type];
  if (scalar === undefined) throw new Error(`${field.fullName}: no values are known for ${field.type}`);
  return scalar;
}

function defaultOf(field: protobuf.Field): unknown {
  if (field.resolvedType instanceof protobuf.Enum) return 0;
  if (isString64(field)) return "0";
  return { string: "", bytes: NO_BYTES, bool: false }[field.type] ?? 0;
}

function isString64(field: protobuf.Field): boolean {
  return field.options?.["jstype"] === "JS_STRING";
}

/** ts-proto makes a plain array of paths of it. */
function isFieldMask(field: protobuf.Field): boolean {
  return field.resolvedType?.fullName === ".google.protobuf.FieldMask";
}

/** protobufjs keeps the names of its own well-known types as they are in the proto. */
function jsName(field: protobuf.Field): string {
  return field.name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A message of ts-proto as protobufjs takes it: oneofs flat, maps as objects, nothing that is absent. */
export function toPlain(schema: protobuf.Type, message: Message): Message {
  const plain: Message = {};
  for (const field of schema.fieldsArray) {
    const value = isInOneof(field) ? caseValue(message[field.partOf?.name ?? ""], field) : message[jsName(field)];
    const isDefault = field.partOf === null && !field.repeated && !field.map && isSame(value, defaultOf(field));
    if (value !== undefined && !isDefault) plain[field.name] = plainField(field, value);
  }
  return plain;
}

function caseValue(oneof: unknown, field: protobuf.Field): unknown {
  const chosen = oneof as { readonly $case: string; readonly value: unknown } | undefined;
  return chosen?.$case === jsName(field) ? chosen.value : undefined;
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (a instanceof Uint8Array && a.length === 0);
}

function plainField(field: protobuf.Field, value: unknown): unknown {
  const { resolvedType } = field;
  if (isFieldMask(field)) return { paths: value };
  const plainValue = (item: unknown): unknown =>
    resolvedType instanceof protobuf.Type ? toPlain(resolvedType, item as Message) : item;
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plainValue(item)]));
  return Array.isArray(value) ? value.map(plainValue) : plainValue(value);
}
