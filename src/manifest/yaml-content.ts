import {
  CHOMPING_MODE,
  constructFromEvents,
  CORE_SCHEMA,
  EVENT_ID,
  floatCoreTag,
  getScalarValue,
  mapTag,
  parseEvents,
  SCALAR_STYLE,
  type Event,
  type ScalarEvent,
} from 'js-yaml';
import { splitPointer } from '../text/json.ts';
import { placeOf, type Locate, type Position } from './document.ts';

/** The map or list of a document, and where things are in it. */
export type YamlContent = Readonly<{ content: object; locate: LocateSome }>;

/**
 * Reads a document of YAML in a sixth of the time that the parser of `document.ts` takes. Undefined for whatever may be a mistake, and
 * for what both read differently: that parser decides.
 */
export function readYamlContent(text: string): YamlContent | undefined {
  if (RARE.test(text)) return undefined;
  try {
    const events = parseEvents(text, {});
    if (!events.every((event) => isPlain(event))) return undefined;
    const [content, ...others] = constructFromEvents(events, { source: text, schema: SCHEMA });
    return isObject(content) && others.length === 0 ? { content, locate: createYamlPlaces(text, events) } : undefined;
  } catch {
    return undefined;
  }
}

/** Where something stands in a document that was read without places. */
export type LocateSome = (...args: Parameters<Locate>) => Position | undefined;

/**
 * Places in such a document, from the events that its content comes from. Undefined for values without characters of their own, and for
 * texts in several lines: the parser of `document.ts` has rules for these.
 */
export function createYamlPlaces(text: string, events?: readonly Event[]): LocateSome {
  let root: Tree | 'none' | undefined;
  return (pointer, part) => {
    root ??= readTree(text, events) ?? 'none';
    if (root === 'none') return undefined;
    const offset = findOffset(root, splitPointer(pointer), part);
    return offset === undefined ? undefined : placeOf(offset, text);
  };
}

function findOffset(root: Tree, segments: readonly string[], part: Parameters<Locate>[1]): number | undefined {
  let node = root;
  for (const [depth, segment] of segments.entries()) {
    const child = node.children?.get(segment);
    if (child === undefined) break;
    const isLast = depth === segments.length - 1;
    if (part === 'key' && isLast) return child.key;
    if (part === 'end' && isLast) return child.end ?? child.start;
    node = child;
  }
  return node.start;
}

/** A value: its offsets in the text, that of its key, and what is in it. `end`: of a value in one line. */
type Tree = Readonly<{ key?: number; start?: number; end?: number; children?: ReadonlyMap<string, Tree> }>;

function readTree(text: string, known: readonly Event[] | undefined): Tree | undefined {
  try {
    const events = known ?? parseEvents(text, {});
    // Behind the mark of the document.
    let at = 1;
    return readValue({});

    function readValue(key: Pick<Tree, 'key'>): Tree {
      const event = events[at++];
      if (event?.type === EVENT_ID.SCALAR) return { ...key, ...placeScalar(event) };
      if (event?.type !== EVENT_ID.MAPPING && event?.type !== EVENT_ID.SEQUENCE) return key;
      const children = new Map<string, Tree>();
      for (let count = 0; at < events.length && events[at]?.type !== EVENT_ID.POP; count++) {
        const name = event.type === EVENT_ID.SEQUENCE ? { text: String(count) } : readKey();
        children.set(name.text, readValue('start' in name ? { key: name.start } : {}));
      }
      at++;
      return { ...key, start: event.start, children };
    }

    function readKey(): Readonly<{ text: string; start?: number }> {
      const event = events[at++];
      if (event?.type !== EVENT_ID.SCALAR) throw new RangeError('key is no text');
      const { start } = placeScalar(event);
      return { text: getScalarValue(text, event), ...(start !== undefined && { start }) };
    }
  } catch {
    return undefined;
  }
}

function placeScalar({ valueStart, valueEnd, style, fast }: ScalarEvent): Pick<Tree, 'start' | 'end'> {
  // Of a text in several lines, and of no text, there is more to know.
  if (valueStart < 0 || !fast) return {};
  const quote = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED ? 1 : 0;
  return { start: valueStart - quote, end: valueEnd + quote };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Tabs, of which this library takes some for spaces that are a mistake, and ends of documents. */
const RARE = /^(?: *\t|\.\.\.)/m;

/** Without anchors nothing grows. They, other versions of YAML, tags, and line breaks that are kept at the end are rare. */
function isPlain(event: Event): boolean {
  if (event.type === EVENT_ID.DOCUMENT) return event.directives.length === 0;
  if (event.type === EVENT_ID.POP) return true;
  if (event.anchorStart >= 0 || event.type === EVENT_ID.ALIAS || event.tagStart >= 0) return false;
  return event.type !== EVENT_ID.SCALAR || event.chomping !== CHOMPING_MODE.KEEP;
}

const SCHEMA = CORE_SCHEMA.withTags(
  {
    ...mapTag,
    addPair: (map: Record<string, unknown>, key: unknown, value: unknown) =>
      typeof key === 'string' && key !== '<<' ? mapTag.addPair(map, key, value) : 'not a text',
  },
  {
    ...floatCoreTag,
    resolve: (source, isExplicit, tagName) => {
      // To this library a number that is too large is a text.
      if (Math.abs(Number(source)) === Infinity) throw new RangeError('too large');
      return floatCoreTag.resolve(source, isExplicit, tagName);
    },
  },
);
