import { LONGEST_IMAGE } from '../text/bounds.ts';
import { isRecord, readString } from '../text/json.ts';

/** An OpenShift Template, in either of its groups. */
export type Template = Readonly<{ objects: readonly unknown[]; parameters?: unknown }>;

export function isTemplate(value: Readonly<Record<string, unknown>>): value is Template & typeof value {
  const { apiVersion, kind, objects } = value;
  return kind === 'Template' && /^(?:template\.openshift\.io\/)?v1$/.test(String(apiVersion)) && Array.isArray(objects);
}

/**
 * The objects of a template with the values of its parameters filled in, as `oc process` does without further arguments. What has no
 * value there is given with the command, or generated: its `${NAME}` stays.
 */
export function processTemplate({ objects, parameters }: Template): readonly unknown[] {
  const values = readValues(parameters);
  return values.size === 0 ? objects : objects.map((object) => fillIn(object, values));
}

function readValues(parameters: unknown): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const parameter of Array.isArray(parameters) ? (parameters as unknown[]) : []) {
    if (!isRecord(parameter)) continue;
    const { value } = parameter;
    const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
    if (typeof text === 'string' && text !== '' && text.length <= LONGEST_IMAGE)
      values.set(readString(parameter, 'name'), text);
  }
  return values;
}

/** `${{NAME}}` is a value of any type and only ever a whole field: as no image is one, it is filled in as a text. */
const PARAMETER = /\$\{\{([\w-]+)\}\}|\$\{([\w-]+)\}/g;

function fillIn(value: unknown, values: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') {
    if (!value.includes('${')) return value;
    return value.replaceAll(PARAMETER, (all, typed: string | undefined, plain: string | undefined) => {
      return values.get(typed ?? plain ?? '') ?? all;
    });
  }
  if (Array.isArray(value)) return value.map((each) => fillIn(each, values));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fillIn(member, values)]));
}
