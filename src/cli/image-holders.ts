import type { Unit } from '../manifest/find-inputs.ts';
import { MOST_VALUES_SEARCHED } from '../text/bounds.ts';
import { isRecord, joinPointer, readString, type Pointer } from '../text/json.ts';

/** A field of a file, what it holds, and what it has to hold. */
export type Field = Readonly<{ at: Pointer; from: string; to: string }>;

/**
 * Where an image is written in the values of a chart or in a kustomization: for each place the fields that have to change
 * together so that it becomes another image.
 */
export function listHolders(
  tool: Unit['tool'],
  content: unknown,
  from: string,
  to: string,
): readonly (readonly Field[])[] {
  return tool === 'helm' ? listValues(content, from, to) : listEntries(content, from, to);
}

/** The entry under `images` of a kustomization that is about an image, whatever it makes of it. */
export function findEntry(content: unknown, image: string): Pointer | undefined {
  const images = isRecord(content) ? content['images'] : undefined;
  const { name } = splitImage(image);
  const index = Array.isArray(images) ? images.findIndex((entry: unknown) => readString(entry, 'name') === name) : -1;
  return index < 0 ? undefined : joinPointer('/images', index);
}

/** `registry/app`, `1` and `sha256:…` of an image, as far as it has them. */
export function splitImage(image: string): Readonly<{ name: string; tag: string; digest: string }> {
  const [, name = image, tag = '', digest = ''] = /^(.+?)(?::([^/:@]*))?(?:@(.*))?$/s.exec(image) ?? [];
  return { name, tag, digest };
}

/** Values that are the image, or a map of its parts: each a list of the fields that have to change together. */
function listValues(content: unknown, from: string, to: string): readonly (readonly Field[])[] {
  const holders: (readonly Field[])[] = [];
  const waiting: (readonly [value: unknown, at: Pointer])[] = [[content, '']];
  let left = MOST_VALUES_SEARCHED;
  for (const [value, at] of waiting) {
    if (left-- === 0) return [];
    if (value === from) holders.push([{ at, from, to }]);
    if (isRecord(value)) {
      holders.push(...listParts(value, at, from, to));
      waiting.push(...Object.entries(value).map(([key, member]) => [member, joinPointer(at, key)] as const));
    } else if (Array.isArray(value)) {
      waiting.push(...value.map((entry, index) => [entry, joinPointer(at, index)] as const));
    }
  }
  return holders;
}

/** `{ registry, repository, tag, digest }`, whatever they are called. */
function listParts(
  map: Readonly<Record<string, unknown>>,
  at: Pointer,
  from: string,
  to: string,
): readonly (readonly Field[])[] {
  const [before, after] = [splitImage(from), splitImage(to)];
  const rest = listChangedParts(map, at, before, after);
  if (rest === undefined) return [];
  const field = (key: string, was: string, is: string): Field => ({ at: joinPointer(at, key), from: was, to: is });
  if (before.name === after.name) return rest.length > 0 && hasName(map, before.name) ? [rest] : [];
  return Object.entries(map).flatMap(([key, value]): readonly (readonly Field[])[] => {
    if (typeof value !== 'string' || value === '' || value === from) return [];
    if (value === before.name) return [[field(key, value, after.name), ...rest]];
    const [registryKey = '', registry = ''] =
      Object.entries(map).find(([other, host]) => other !== key && `${String(host)}/${value}` === before.name) ?? [];
    if (registryKey === '' || typeof registry !== 'string') return [];
    const slash = after.name.startsWith(`${registry}/`) ? registry.length : after.name.indexOf('/');
    const [host, path] = [after.name.slice(0, slash), after.name.slice(slash + 1)];
    if (slash < 0) return [];
    const fields = [field(registryKey, registry, host), field(key, value, path), ...rest];
    return [fields.filter((each) => each.from !== each.to)];
  });
}

function hasName(map: Readonly<Record<string, unknown>>, name: string): boolean {
  return Object.values(map).some(
    (value) => typeof value === 'string' && value !== '' && (name === value || name.endsWith(`/${value}`)),
  );
}

/** The fields of a tag and a digest that have to change; undefined if one of them is not in the map. */
function listChangedParts(
  map: Readonly<Record<string, unknown>>,
  at: Pointer,
  before: ReturnType<typeof splitImage>,
  after: ReturnType<typeof splitImage>,
): readonly Field[] | undefined {
  const changed = (['tag', 'digest'] as const).filter((part) => before[part] !== after[part]);
  const fields = changed.map((part) => {
    const key = Object.keys(map).find((each) => map[each] === before[part]);
    return key === undefined ? undefined : { at: joinPointer(at, key), from: before[part], to: after[part] };
  });
  return fields.every((each) => each !== undefined) ? fields : undefined;
}

/** The entries under `images` that give an image its name. */
function listEntries(content: unknown, from: string, to: string): readonly (readonly Field[])[] {
  const images = isRecord(content) ? content['images'] : undefined;
  if (!Array.isArray(images)) return [];
  const [before, after] = [splitImage(from), splitImage(to)];
  return images.flatMap((entry: unknown, index): readonly (readonly Field[])[] => {
    if (!isRecord(entry)) return [];
    const at = joinPointer('/images', index);
    const names = [
      ['newName', before.name, after.name],
      ['newTag', before.tag, after.tag],
      ['digest', before.digest, after.digest],
    ] as const;
    const changed = names.filter(([, was, is]) => was !== is);
    if (!changed.every(([key, was]) => entry[key] === was)) return [];
    return [changed.map(([key, was, is]) => ({ at: joinPointer(at, key), from: was, to: is }))];
  });
}
