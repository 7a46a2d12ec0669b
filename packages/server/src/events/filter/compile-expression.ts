import { CelScalar, celUint, listType, mapType } from "@bufbuild/cel";
import type { ServiceError } from "@millrace/shared-types";

import { applied, choice, junction, listOf, loopOver, mapOf } from "./combinators.js";
import { type Evaluate, Evaluation } from "./evaluation.js";
import type { FilterSubject, Vocabulary } from "./filter-subject.js";
import { FUNCTIONS, type Kind } from "./functions.js";
import { invalidFilter } from "./invalid-filter.js";
import { elementOf, hasKey } from "./operators.js";
import type { Expr, ParsedFilter } from "./parse-filter.js";
import { flawOfPattern, regexOf } from "./regex.js";
import { FAILED, isBytes, isMap, type Outcome, type Value } from "./values.js";

/** Operands, operators and calls of a filter, with the macros (`exists` and so on) written out. */
const MAX_NODES = 256;

/** Operators and calls inside of one another. */
const MAX_DEPTH = 32;

/** What one node costs in each round of a loop. */
const NODE_COST = 30;

/** A part of a filter, ready to be evaluated. */
interface Part {
  readonly kind: Kind;
  readonly evaluate: Evaluate;
  /** What it gives, if that is the same for all subjects. */
  readonly constant?: Value;
}

/** Where a part stands. */
interface Place {
  readonly depth: number;
  /** The variable of the loop whose body it is in. */
  readonly item?: string;
  /** What that loop gathers. */
  readonly gathered?: Kind;
}

type ExprOf<C extends Expr["exprKind"]["case"]> = Extract<Expr["exprKind"], { case: C }>["value"];

const TYPES: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["int", CelScalar.INT],
  ["uint", CelScalar.UINT],
  ["double", CelScalar.DOUBLE],
  ["bool", CelScalar.BOOL],
  ["string", CelScalar.STRING],
  ["bytes", CelScalar.BYTES],
  ["null_type", CelScalar.NULL],
  ["type", CelScalar.TYPE],
  ["list", listType(CelScalar.DYN)],
  ["map", mapType(CelScalar.DYN, CelScalar.DYN)],
]);

/**
 * Makes a function of a parsed filter. Operators and calls are functions of the values below them; what is not hot
 * is done by `@bufbuild/cel`, one call at a time. Parts that do not depend on the subject are evaluated here.
 *
 * @throws ServiceError `INVALID_FILTER`
 */
export function compileExpression<S extends FilterSubject>(parsed: ParsedFilter, vocabulary: Vocabulary<S>): Evaluate {
  return new Compiler(parsed, vocabulary).condition(parsed.expr, { depth: 1 }).evaluate;
}

class Compiler<S extends FilterSubject> {
  readonly #parsed: ParsedFilter;
  readonly #vocabulary: Vocabulary<S>;
  #nodes = 0;

  constructor(parsed: ParsedFilter, vocabulary: Vocabulary<S>) {
    this.#parsed = parsed;
    this.#vocabulary = vocabulary;
  }

  /** A part that is true or false, as far as can be known. */
  condition(expr: Expr | undefined, place: Place): Part {
    const part = this.#part(expr, place);
    if (part.kind === "other") throw this.#flaw(expr, "is not a condition");
    return part;
  }

  #part(expr: Expr | undefined, place: Place): Part {
    if (++this.#nodes > MAX_NODES) throw this.#flaw(expr, `has more than ${String(MAX_NODES)} operands and operators`);
    if (place.depth > MAX_DEPTH) throw this.#flaw(expr, `is nested deeper than ${String(MAX_DEPTH)}`);
    const below = { ...place, depth: place.depth + 1 };
    switch (expr?.exprKind.case) {
      case "constExpr":
        return this.#literal(expr, expr.exprKind.value);
      case "identExpr":
        return this.#named(expr, expr.exprKind.value.name, place);
      case "selectExpr":
        return this.#select(expr, expr.exprKind.value, below);
      case "callExpr":
        return this.#call(expr, expr.exprKind.value, below);
      case "listExpr":
        return this.#list(expr, expr.exprKind.value, below);
      case "structExpr":
        return this.#map(expr, expr.exprKind.value, below);
      case "comprehensionExpr":
        return this.#loop(expr, expr.exprKind.value, below);
      default:
        throw this.#flaw(expr, "is not an expression");
    }
  }

  #literal(expr: Expr, { constantKind }: ExprOf<"constExpr">): Part {
    switch (constantKind.case) {
      case "nullValue":
        return constantPart(null);
      case "int64Value":
        if (BigInt.asIntN(64, constantKind.value) === constantKind.value) return constantPart(constantKind.value);
        throw this.#flaw(expr, "is out of the range of int");
      case "uint64Value":
        if (BigInt.asUintN(64, constantKind.value) === constantKind.value)
          return constantPart(celUint(constantKind.value));
        throw this.#flaw(expr, "is out of the range of uint");
      case "boolValue":
      case "doubleValue":
      case "stringValue":
      case "bytesValue":
        return constantPart(constantKind.value);
      default:
        throw this.#flaw(expr, "is not a literal");
    }
  }

  #named(expr: Expr, name: string, { item, gathered = "any" }: Place): Part {
    if (name === "@result") return { kind: gathered, evaluate: (run) => run.gathered };
    if (name === item) return { kind: "any", evaluate: (run) => run.item };
    const { name: subject, contentName } = this.#vocabulary;
    if (name === contentName) return { kind: "any", evaluate: (run) => run.subject.content };
    if (name === subject) throw this.#flaw(expr, `${name} has fields, such as ${name}.key, and is no value itself`);
    const type = TYPES.get(name);
    if (type !== undefined) return constantPart(type);
    throw this.#flaw(expr, `unknown name ${JSON.stringify(name)}: there are ${subject} and ${contentName}`);
  }

  #select(expr: Expr, { operand, field, testOnly }: ExprOf<"selectExpr">, place: Place): Part {
    if (isNamed(operand, this.#vocabulary.name)) return this.#field(expr, field, testOnly);
    const { evaluate } = this.#part(operand, place);
    const find = testOnly ? hasKey : elementOf;
    return { kind: testOnly ? "condition" : "any", evaluate: applied(find, evaluate, () => field) };
  }

  #field(expr: Expr, name: string, testOnly: boolean): Part {
    const { name: subject, fields, conditions } = this.#vocabulary;
    const read = fields.get(name) as ((subject: FilterSubject) => Outcome) | undefined; // of the vocabulary's own kind
    if (read === undefined) throw this.#flaw(expr, `${subject} has no field ${JSON.stringify(name)}`);
    if (testOnly) return { kind: "condition", evaluate: (run) => isSet(read(run.subject)) };
    return { kind: conditions.has(name) ? "condition" : "other", evaluate: (run) => read(run.subject) };
  }

  #call(expr: Expr, { target, args, function: name }: ExprOf<"callExpr">, place: Place): Part {
    const operands = target === undefined ? args : [target, ...args];
    switch (name) {
      case "_&&_":
        return this.#junction(expr, operands, place, false);
      case "_||_":
        return this.#junction(expr, operands, place, true);
      case "_?_:_":
        return this.#choice(expr, operands, place);
      case "@not_strictly_false":
        return this.#notFalse(operands, place);
      case "matches":
        if (target !== undefined && args.length === 1) return this.#matches(expr, operands, place);
    }
    return this.#apply(expr, `${target === undefined ? "" : "."}${name}/${String(args.length)}`, operands, place);
  }

  #apply(expr: Expr, signature: string, operands: readonly Expr[], place: Place): Part {
    const found = FUNCTIONS.get(signature);
    if (found === undefined) throw this.#flaw(expr, `unknown function ${signature.replace("/", " with arguments: ")}`);
    const parts = operands.map((operand) => this.#part(operand, place));
    const [left, right] = parts.map(({ evaluate }) => evaluate);
    if (left === undefined) throw this.#flaw(expr, "has no operand");
    return this.#folded(expr, { kind: found.kind, evaluate: applied(found.apply, left, right) }, parts);
  }

  #junction(expr: Expr, operands: readonly Expr[], place: Place, decisive: boolean): Part {
    const parts = operands.map((operand) => this.condition(operand, place));
    return this.#folded(expr, { kind: "condition", evaluate: junction(evaluations(parts), decisive) }, parts);
  }

  #choice(expr: Expr, [test, first, second]: readonly Expr[], place: Place): Part {
    const condition = this.condition(test, place);
    const [yes, no] = [this.#part(first, place), this.#part(second, place)];
    const evaluate = choice(condition.evaluate, yes.evaluate, no.evaluate);
    return this.#folded(expr, { kind: yes.kind === no.kind ? yes.kind : "any", evaluate }, [condition, yes, no]);
  }

  /** Whether a loop goes on: also after a failure, as a later round may still decide. */
  #notFalse([operand]: readonly Expr[], place: Place): Part {
    const { evaluate } = this.#part(operand, place);
    return { kind: "condition", evaluate: (run) => evaluate(run) !== false };
  }

  #matches(expr: Expr, [target, argument]: readonly Expr[], place: Place): Part {
    const text = this.#part(target, place);
    const pattern = this.#part(argument, place).constant;
    if (typeof pattern !== "string")
      throw this.#flaw(argument, `the pattern may not depend on the ${this.#vocabulary.name}`);
    const flaw = flawOfPattern(pattern);
    if (flaw !== undefined) throw this.#flaw(argument, `the pattern ${flaw}`);
    const test = regexOf(pattern);
    const matches = applied((run, value) => (typeof value === "string" ? test(run, value) : FAILED), text.evaluate);
    return this.#folded(expr, { kind: "condition", evaluate: matches }, [text]);
  }

  #list(expr: Expr, { elements }: ExprOf<"listExpr">, place: Place): Part {
    const parts = elements.map((element) => this.#part(element, place));
    return this.#folded(expr, { kind: "other", evaluate: listOf(evaluations(parts)) }, parts);
  }

  #map(expr: Expr, { messageName, entries }: ExprOf<"structExpr">, place: Place): Part {
    if (messageName !== "") throw this.#flaw(expr, `unknown type ${JSON.stringify(messageName)}`);
    const keys = entries.map(({ keyKind }) => this.#part(keyKind.case === "mapKey" ? keyKind.value : undefined, place));
    const values = entries.map(({ value }) => this.#part(value, place));
    const evaluate = mapOf(evaluations(keys), evaluations(values));
    return this.#folded(expr, { kind: "other", evaluate }, [...keys, ...values]);
  }

  #loop(expr: Expr, { iterVar: item, ...loop }: ExprOf<"comprehensionExpr">, place: Place): Part {
    if (place.item !== undefined) throw this.#flaw(expr, "there is a loop inside of a loop");
    const { name: subject, contentName } = this.#vocabulary;
    if (item === subject || item === contentName) throw this.#flaw(expr, `a loop's variable cannot be called ${item}`);
    const { evaluate: range } = this.#part(loop.iterRange, place);
    const { evaluate: start, kind: gathered } = this.#part(loop.accuInit, place);
    const body = { depth: place.depth, item, gathered };
    const nodesBefore = this.#nodes;
    const { evaluate: goesOn } = this.#part(loop.loopCondition, body);
    const { evaluate: step } = this.#part(loop.loopStep, body);
    const cost = NODE_COST * (this.#nodes - nodesBefore);
    const { evaluate: result, kind } = this.#part(loop.result, body);
    return { kind, evaluate: loopOver({ range, start, goesOn, step, result, cost }) };
  }

  /** `part`, or its value if all it is made of is constant. */
  #folded(expr: Expr, part: Part, parts: readonly Part[]): Part {
    if (parts.some(({ constant }) => constant === undefined)) return part;
    const value = part.evaluate(new Evaluation(this.#vocabulary.empty));
    if (value === FAILED) throw this.#flaw(expr, "always fails");
    return constantPart(value);
  }

  #flaw(expr: Expr | undefined, detail: string): ServiceError {
    return invalidFilter(expr === undefined ? 0 : this.#parsed.positionOf(expr), detail);
  }
}

function constantPart(constant: Value): Part {
  return { kind: typeof constant === "boolean" ? "condition" : "other", evaluate: () => constant, constant };
}

function evaluations(parts: readonly Part[]): readonly Evaluate[] {
  return parts.map(({ evaluate }) => evaluate);
}

function isNamed(expr: Expr | undefined, name: string): boolean {
  return expr?.exprKind.case === "identExpr" && expr.exprKind.value.name === name;
}

/** Whether a field of the subject has another value than its default: what `has` means in proto3. */
function isSet(value: Outcome): boolean {
  if (value === FAILED || value === "" || value === false || value === 0n) return false;
  if (isBytes(value)) return value.length > 0;
  return !isMap(value) || value.size > 0;
}
