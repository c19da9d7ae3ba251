import jsonpatch, { type Operation } from 'fast-json-patch';
import type { Json } from './objects.ts';
import type { Store, StoredObject, Target } from './stand-in-store.ts';

export type Answer = Readonly<{ code: number; body: unknown }>;

export type Call = Readonly<{
  method: string;
  query: Readonly<Record<string, string>>;
  headers: Readonly<{ 'content-type'?: string | undefined }>;
  body: unknown;
}>;

/** What the stand-in API server answers to a call that is no watch. */
export function answerCall(store: Store, { method, query, body, headers }: Call, target: Target): Answer {
  if (method === 'POST') return create(store, target, body as Json);
  if (method === 'GET' && target.name === undefined) return listPage(store, target, query);
  const old = store.find(target);
  if (old === undefined) {
    const resource = target.collection.replace(/^.*\//, '');
    return statusOf(404, 'NotFound', `${resource} "${target.name ?? ''}" not found`);
  }
  switch (method) {
    case 'GET':
      return { code: 200, body: old };
    case 'PUT':
      return replace(store, target, old, body as Json);
    case 'PATCH':
      return patch(store, target, old, { type: headers['content-type'] ?? '', body });
    default:
      return statusOf(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }
}

function create(store: Store, target: Target, object: Json): Answer {
  const { name: given, generateName } = object['metadata'] as { name?: string; generateName?: string };
  const name = given ?? `${generateName ?? ''}${Math.random().toString(36).slice(2, 7).padEnd(5, 'x')}`;
  if (store.find({ ...target, name }) !== undefined) {
    const resource = target.collection.replace(/^.*\//, '');
    return statusOf(409, 'AlreadyExists', `${resource} "${name}" already exists`);
  }
  return { code: 201, body: store.write({ ...target, name }, object) };
}

function replace(store: Store, target: Target, old: StoredObject, object: Json): Answer {
  const given = (object['metadata'] as Json | undefined)?.['resourceVersion'];
  if (given !== undefined && given !== '' && given !== old.metadata.resourceVersion) {
    const message = `Operation cannot be fulfilled on "${old.metadata.name}": the object has been modified; please apply your changes to the latest version and try again`;
    return statusOf(409, 'Conflict', message);
  }
  return { code: 200, body: store.write(target, object) };
}

function patch(
  store: Store,
  target: Target,
  old: StoredObject,
  { type, body }: { type: string; body: unknown },
): Answer {
  if (type === 'application/json-patch+json') {
    try {
      const patched = jsonpatch.applyPatch(structuredClone(old), body as Operation[], true, false).newDocument;
      return replace(store, target, old, patched);
    } catch (error) {
      return statusOf(
        422,
        'Invalid',
        `the server rejected our request due to an error in our request: ${String(error)}`,
      );
    }
  }
  if (!/^application\/(?:strategic-)?merge-patch\+json$/.test(type)) {
    return statusOf(415, 'UnsupportedMediaType', `the body of the request was in an unknown format: ${type}`);
  }
  return replace(store, target, old, merge(old, body, type.includes('strategic')) as Json);
}

/** RFC 7396; a strategic one merges lists of webhooks by their names too, which is all of it that is known here. */
function merge(old: unknown, change: unknown, isStrategic: boolean, key = ''): unknown {
  if (isStrategic && key === 'webhooks' && Array.isArray(old) && Array.isArray(change)) {
    const changes = new Map((change as Json[]).map((each) => [each['name'], each]));
    const kept = (old as Json[]).map((each) => merge(each, changes.get(each['name']) ?? {}, isStrategic));
    const names = new Set((old as Json[]).map((each) => each['name']));
    return [...kept, ...(change as Json[]).filter((each) => !names.has(each['name']))];
  }
  if (!isObject(change)) return change;
  const before = isObject(old) ? old : {};
  const changed = Object.entries(change).map(([name, value]) => [name, merge(before[name], value, isStrategic, name)]);
  const merged = { ...before, ...(Object.fromEntries(changed) as Json) };
  return Object.fromEntries(Object.entries(merged).filter(([name]) => change[name] !== null));
}

function listPage(store: Store, target: Target, query: Call['query']): Answer {
  const { version, after } = readToken(query['continue'], store);
  if (version < store.oldest()) return expired('The provided continue parameter is too old');
  const rest = store.list(target).filter((object) => selects(query, object) && placeOf(object) > after);
  const limit = Number(query['limit'] ?? 0);
  const page = limit > 0 ? rest.slice(0, limit) : rest;
  const metadata = {
    resourceVersion: String(version),
    ...describeRest(page, rest.length - page.length, query, version),
  };
  // Kubernetes leaves these out of the items of a list, too.
  const items = page.map((object) => ({ ...object, kind: undefined, apiVersion: undefined }));
  return { code: 200, body: { kind: 'List', apiVersion: 'v1', metadata, items } };
}

function describeRest(page: readonly StoredObject[], remaining: number, query: Call['query'], version: number): Json {
  const last = page.at(-1);
  if (remaining === 0 || last === undefined) return {};
  const token = Buffer.from(JSON.stringify({ version, after: placeOf(last) })).toString('base64url');
  // Kubernetes does not count what a selector leaves.
  return { continue: token, ...(query['fieldSelector'] === undefined && { remainingItemCount: remaining }) };
}

function readToken(token: string | undefined, store: Store): Readonly<{ version: number; after: string }> {
  if (token === undefined) return { version: store.version(), after: '' };
  return JSON.parse(Buffer.from(token, 'base64url').toString()) as ReturnType<typeof readToken>;
}

/** Whether an object is one of those that a field selector, `metadata.name=x,type!=y`, leaves. */
export function selects({ fieldSelector = '' }: Call['query'], object: StoredObject): boolean {
  if (fieldSelector === '') return true;
  return fieldSelector.split(',').every((term) => {
    const [, field = '', operator, value] = /^([\w.]+)(==?|!=)(.*)$/.exec(term) ?? [];
    const found = field.split('.').reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), object);
    return ((found ?? '') === value) === (operator !== '!=');
  });
}

export function statusOf(code: number, reason: string, message: string): Answer {
  return { code, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code } };
}

export function expired(message: string): Answer {
  return statusOf(410, 'Expired', message);
}

function placeOf({ metadata }: StoredObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
