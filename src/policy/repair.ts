import type { ErrorObject } from 'ajv';
import { isRecord, joinPointer, readPath, splitPointer, type Pointer } from '../text/json.ts';
import type { Report } from './section.ts';

/** A file whose invalid values were replaced by valid ones, and the places of these values. */
export type Repaired = Readonly<{ content: unknown; damaged: readonly Pointer[] }>;

type SchemaError = Pick<ErrorObject, 'keyword' | 'instancePath' | 'params' | 'parentSchema'>;

/**
 * Replaces invalid values of a file, so that its other mistakes are found in the same run. The replaced values are never used,
 * and no problems are reported for them.
 */
export function repair(content: unknown, errors: readonly SchemaError[]): Repaired {
  const repaired = structuredClone(content);
  return { content: repaired, damaged: errors.flatMap((error) => mend(repaired, error)) };
}

function mend(content: unknown, { keyword, instancePath, params, parentSchema }: SchemaError): readonly Pointer[] {
  const { additionalProperty, missingProperty } = params as Readonly<Record<string, string | undefined>>;
  if (keyword === 'if') return [];
  const key = additionalProperty ?? missingProperty;
  if (key === undefined) {
    put(content, instancePath, standIn(parentSchema));
    return [instancePath];
  }
  const pointer = joinPointer(instancePath, key);
  put(
    content,
    pointer,
    additionalProperty === undefined ? standIn(readPath(parentSchema, 'properties', key)) : undefined,
  );
  return [pointer];
}

/** A value that fits a schema; undefined if the member must be removed. */
function standIn(schema: unknown): unknown {
  for (const keyword of ['instead', 'default', 'const'] as const) {
    const value = readPath(schema, keyword);
    if (value !== undefined) return structuredClone(value);
  }
  const choices = readPath(schema, 'enum');
  if (Array.isArray(choices)) return choices[0] as unknown;
  return readPath(schema, 'type') === 'object' ? {} : undefined;
}

function put(content: unknown, pointer: Pointer, value: unknown): void {
  const segments = splitPointer(pointer);
  const parent = readPath(content, ...segments.slice(0, -1));
  const key = segments.at(-1);
  if (key === undefined || typeof parent !== 'object' || parent === null) return;
  if (value === undefined && isRecord(parent)) Reflect.deleteProperty(parent, key);
  else Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Reports only problems that do not result from a damaged value. */
export function spareDamaged(damaged: readonly Pointer[], report: Report): Report {
  const isWithin = (inner: Pointer, outer: Pointer): boolean => inner === outer || inner.startsWith(`${outer}/`);
  return (pointer, message, drawnFrom = []) => {
    if (damaged.some((each) => isWithin(pointer, each))) return;
    if (drawnFrom.some((source) => damaged.some((each) => isWithin(each, source) || isWithin(source, each)))) return;
    report(pointer, message);
  };
}
