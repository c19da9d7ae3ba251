import {
  CHOMPING_MODE,
  constructFromEvents,
  CORE_SCHEMA,
  EVENT_ID,
  floatCoreTag,
  mapTag,
  parseEvents,
  type Event,
} from 'js-yaml';

/**
 * The map or list of a document of YAML, without where things stand, in a sixth of the time that the parser of `document.ts` takes.
 * Undefined for whatever may be a mistake, and for what both read differently: that parser decides.
 */
export function readYamlContent(text: string): object | undefined {
  if (RARE.test(text)) return undefined;
  try {
    const events = parseEvents(text, {});
    if (!events.every((event) => isPlain(event))) return undefined;
    const [content, ...others] = constructFromEvents(events, { source: text, schema: SCHEMA });
    return isObject(content) && others.length === 0 ? content : undefined;
  } catch {
    return undefined;
  }
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
