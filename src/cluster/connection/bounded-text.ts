import { LONGEST_ANSWER, MOST_ANSWER_VALUES } from '../../text/bounds.ts';
import { isRecord, readString } from '../../text/json.ts';
import type { ListHead, ObjectHead } from './api-server.ts';

/** A text that is read up to a limit. */
export type BoundedText = Readonly<{
  /** False above the limit: the rest is dropped. */
  add: (part: Uint8Array) => boolean;
  isEmpty: () => boolean;
  /** The whole text, or its start if it is too large. */
  read: () => string | Cut;
}>;

/** The start of a text that is too large. */
export type Cut = Readonly<{ head: string }>;

/** Enough for the metadata of a list and of its first object, including a continue token. */
const HEAD_BYTES = 4096;

/** The limit in messages. */
export const BOUND = `${LONGEST_ANSWER / 1024 / 1024} MiB or ${MOST_ANSWER_VALUES.toLocaleString('en')} values`;

export function createBoundedText(maxBytes = LONGEST_ANSWER): BoundedText {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let values = 0;
  let head: string | undefined;
  return {
    add: (part) => {
      bytes += part.length;
      if (head !== undefined) return false;
      parts.push(part);
      values += countValues(part);
      if (bytes <= maxBytes && values <= MOST_ANSWER_VALUES) return true;
      head = Buffer.concat(parts).subarray(0, HEAD_BYTES).toString();
      parts = [];
      return false;
    },
    isEmpty: () => bytes === 0,
    read: () => (head === undefined ? Buffer.concat(parts).toString() : { head }),
  };
}

/** An upper limit of the values for which JSON needs heap: characters inside strings count as well. */
function countValues(part: Uint8Array): number {
  let count = 0;
  // An iterator would take four times as long.
  for (let at = part.length - 1; at >= 0; at--) if (part[at] === COMMA || part[at] === BRACE) count++;
  return count;
}

const COMMA = 0x2c;
const BRACE = 0x7b;

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
