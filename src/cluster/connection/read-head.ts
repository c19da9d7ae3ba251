import { isRecord, readString } from '../../text/json.ts';
import type { ListHead, ObjectHead } from './api-server.ts';

/**
 * The metadata of a list that was cut off. API servers write the metadata of a list before its items, that of an object before
 * the rest, and names before fields without a limit. Undefined if the order is different, as for custom resources.
 */
export function readListHead(head: string): ListHead | undefined {
  const at = head.indexOf('"items":[');
  const list = readMetadata(head.slice(0, Math.max(at, 0)));
  const object = toObjectHead(readMetadata(head.slice(at)));
  if (list === undefined || object === undefined) return undefined;
  return { resourceVersion: readString(list, 'resourceVersion'), next: readString(list, 'continue'), object };
}

/** The same for a watch event. */
export function readEventHead(head: string): Readonly<{ type: string; object: ObjectHead }> | undefined {
  const type = /^\{"type":"([A-Z]+)"/.exec(head)?.[1];
  const object = toObjectHead(readMetadata(head));
  return type === undefined || object === undefined ? undefined : { type, object };
}

/** Undefined without a name. */
export function toObjectHead(metadata: unknown): ObjectHead | undefined {
  const name = readString(metadata, 'name');
  const namespace = readString(metadata, 'namespace');
  const resourceVersion = readString(metadata, 'resourceVersion');
  return name === '' ? undefined : { metadata: { name, namespace, resourceVersion } };
}

/** The strings and numbers at the start of the metadata. */
function readMetadata(json: string): unknown {
  const [, members = '', end] = /"metadata":\{([^{}[\]]*)([{}[\]]?)/.exec(json) ?? [];
  try {
    // Unless this is all, the last member is dropped, as its value may be cut off.
    const read: unknown = JSON.parse(`{${end === '}' ? members : members.replace(/,[^,]*$/, '')}}`);
    return isRecord(read) ? read : undefined;
  } catch {
    return undefined;
  }
}
