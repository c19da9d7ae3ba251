import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readManifest } from '../../src/manifest/read-manifests.ts';
import { readFailure } from '../../src/cause/read-failure.ts';
import { createPullPicture } from '../../src/cluster/pulls/pull-picture.ts';
import { readNode, readServiceAccount } from '../../src/cluster/facts/read-objects.ts';
import { readPullSecret } from '../../src/pull/pull-secret.ts';
import { defaultPolicy, loadPolicy } from '../../src/rules/policy.ts';
import type { Facts, RegistryFacts } from '../../src/pull/facts.ts';
import type { ImageAnswer } from '../../src/cause/answer.ts';
import type { Policy, Rule } from '../../src/engine/rule.ts';
import { formatReference, readReference, type ImageReference } from '../../src/image/reference.ts';
import { describeFinding, nameSubject } from '../../src/report/finding.ts';
import { RULES } from '../../src/rules/index.ts';
import { isRecord, readString } from '../../src/text/json.ts';
import { factsOf, judgeIn, NOW } from '../support/facts.ts';
import type { Json } from '../support/objects.ts';
import { replaceBehind, UPDATES_DOCS } from '../support/update-docs.ts';

const PAGES = new URL('../../docs/rules/', import.meta.url);

type Block = Readonly<{ kind: string; text: string }>;

/**
 * The fenced blocks of a page in order: `yaml policy`, `yaml cluster`, `yaml registries`, `yaml finds` with the `text` it
 * prints, `yaml passes`.
 */
function readBlocks(page: string): readonly Block[] {
  return [...page.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', kind = language, text = '']) => ({ kind, text }),
  );
}

type Sample = Readonly<{ policy: Policy; facts: Facts; kind: 'finds' | 'passes'; text: string; printed: string }>;

/**
 * Samples with the policy, the cluster and the registries that stand last before them; before the first ones no cluster is
 * known, and no registry is asked.
 */
function readSamples(page: string): readonly Sample[] {
  const blocks = readBlocks(page);
  let policy = defaultPolicy();
  let facts: Facts = {};
  return blocks.flatMap(({ kind, text }, at): readonly Sample[] => {
    if (kind === 'policy') policy = loadPolicy(text);
    if (kind === 'cluster') facts = { ...pickRegistries(facts), ...readCluster(text) };
    if (kind === 'registries') facts = { ...facts, registries: readRegistries(text) };
    if (kind !== 'finds' && kind !== 'passes') return [];
    const next = blocks[at + 1];
    return [{ policy, facts, kind, text, printed: next?.kind === 'text' ? next.text : '' }];
  });
}

function pickRegistries({ registries }: Facts): Facts {
  return registries === undefined ? {} : { registries };
}

/**
 * A cluster that has these secrets and service accounts in namespace `default`, and these nodes and failed pulls if it tells of any; pages tell
 * of it on 1 June 2026, at noon.
 */
function readCluster(text: string): Facts {
  const objects = readManifest(text).objects.map(({ object }) => object as Json);
  const read = <Read>(kind: string, reader: (object: Json) => Read): Record<string, Read> =>
    Object.fromEntries(
      objects
        .filter((object) => object['kind'] === kind)
        .map((object) => [`default/${readString(object, 'metadata', 'name')}`, reader(object)]),
    );
  const secrets = read('Secret', (object) => readPullSecret({ ...object, data: encodeData(object['stringData']) }));
  const nodes = objects.filter(({ kind }) => kind === 'Node').map((object) => readNode(object));
  return {
    ...factsOf(secrets, read('ServiceAccount', readServiceAccount)),
    ...(nodes.length > 0 && { nodes: { list: () => nodes } }),
    ...readPulls(objects.filter(({ kind }) => kind === 'Event')),
  };
}

/** What nodes meet, by these Events. */
function readPulls(events: readonly Json[]): Pick<Facts, 'pulls'> {
  if (events.length === 0) return {};
  const picture = createPullPicture(() => NOW);
  for (const event of events) {
    const reading = readFailure(readString(event, 'message'));
    const { cause, reference } = reading.kind === 'failed' ? reading.failure : {};
    if (cause === undefined || cause === 'unknown' || reference === undefined) throw new Error('no failed pull');
    const read = (...path: readonly string[]): string => readString(event, ...path);
    picture.noteFailure({
      cause,
      reference,
      namespace: read('involvedObject', 'namespace'),
      pod: read('involvedObject', 'name'),
      node: read('source', 'host'),
      since: Date.parse(read('firstTimestamp')),
      last: Date.parse(read('lastTimestamp')),
    });
  }
  return { pulls: picture };
}

/**
 * What a registry says of an image, to anybody or to who has a pull secret: `outcome: ok` or a cause, and of what an answer holds
 * besides as much as the sample has a use for. `endsAt` is a text.
 */
type Saying = Readonly<{ image: string; pullSecret?: string; says: Readonly<Record<string, unknown>> }>;

function readRegistries(text: string): RegistryFacts {
  const sayings = parse(text) as readonly Saying[];
  return {
    get: ({ reference, pullSecrets = [] }) => {
      const saying = sayings.find(
        ({ image, pullSecret }) =>
          formatReference(readReference(image)!) === formatReference(reference) &&
          (pullSecret === undefined || pullSecrets.includes(pullSecret)),
      );
      return saying === undefined ? 'unasked' : { answer: toAnswer(saying, reference), isDue: false };
    },
  };
}

function toAnswer({ says }: Saying, reference: ImageReference): ImageAnswer {
  const { registry } = reference;
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const answer = {
    endpoint: /:\d+$/.test(host) ? host : `${host}:443`,
    ...('cause' in says
      ? { outcome: 'failed' }
      : { digest: `sha256:${createHash('sha256').update(formatReference(reference)).digest('hex')}`, sizes: [] }),
    ...says,
    ...(typeof says['endsAt'] === 'string' && { endsAt: Date.parse(says['endsAt']) }),
  };
  return answer as unknown as ImageAnswer;
}

/** What the API server makes of `stringData`, which a page shows as it can be read. */
function encodeData(stringData: unknown): Json {
  const texts = isRecord(stringData) ? Object.entries(stringData) : [];
  return Object.fromEntries(texts.map(([key, text]) => [key, Buffer.from(String(text)).toString('base64')]));
}

/** Where no cluster is known, neither is its time. */
function timeOf({ pullSecrets }: Facts): Readonly<{ now?: number }> {
  return pullSecrets === undefined ? { now: -Infinity } : {};
}

function printFindings({ id }: Rule, { text, policy, facts }: Sample): string {
  return readManifest(text)
    .objects.flatMap(({ object }) => judgeIn(facts, object as Json, { policy, ...timeOf(facts) }).findings)
    .filter(({ rule }) => rule === id)
    .map((finding) => `${finding.action}: ${nameSubject(finding)}: ${describeFinding(finding)}\n`)
    .join('');
}

/** Writes what a rule and its options say of themselves into its page. */
function describePage(file: URL, { id, description, options }: Rule): void {
  const page = readFileSync(file, 'utf8');
  replaceBehind(file, `# ${id}\n\n`, page.split('\n\n')[1] ?? '', description);
  for (const [name, option] of Object.entries(options)) {
    const [row = ''] = new RegExp(`^\\| \`${name}\` \\|.*$`, 'm').exec(page) ?? [];
    replaceBehind(file, '', row, `| \`${name}\` | \`${String(option.default)}\` | ${String(option['description'])} |`);
  }
}

test('every rule has a page and every page a rule', () => {
  const pages = readdirSync(PAGES).filter((name) => name !== 'TEMPLATE.md');
  expect(pages.sort()).toEqual(RULES.map(({ id }) => `${id}.md`).sort());
});

describe.each(RULES.map((rule) => [rule.id, rule] as const))('the page of %s', (id, rule) => {
  const file = new URL(`${id}.md`, PAGES);
  if (UPDATES_DOCS) describePage(file, rule);
  const page = readFileSync(file, 'utf8');

  test('opens with what the rule says of itself', () => {
    expect(page.startsWith(`# ${id}\n\n${rule.description}\n`)).toBe(true);
    const [, items = '', action = '', fix = ''] = /^\| ([\d and,]+) \| (\w+) \| (\w+)/m.exec(page) ?? [];
    expect(items.split(/ and |, /).map(Number)).toEqual(rule.faqItems);
    expect(action).toBe(rule.defaultAction);
    expect(fix).toBe(rule.fixable ? 'yes' : 'none');
  });

  test('says when not to use it', () => {
    expect(page).toMatch(/^## When not to use it\n\n\S/m);
  });

  test('lists every option with its default', () => {
    const listed = [...(page.split('## Options\n')[1] ?? '').matchAll(/^\| `(\w+)` \| `(\S+)` \| (.*) \|$/gm)].map(
      ([, name, value, text]) => [name, value, text],
    );
    expect(listed).toEqual(
      Object.entries(rule.options).map(([name, option]) => [name, String(option.default), option['description']]),
    );
  });

  const samples = readSamples(page);

  test.each(samples.filter(({ kind }) => kind === 'finds'))(
    'finds in its sample exactly what it prints: $printed',
    (sample) => {
      expect(sample.printed).not.toBe('');
      if (UPDATES_DOCS) replaceBehind(file, sample.text, sample.printed, printFindings(rule, sample));
      else expect(printFindings(rule, sample)).toBe(sample.printed);
    },
  );

  test.each(samples.filter(({ kind }) => kind === 'passes'))('finds nothing in what it calls fine', (sample) => {
    expect(readManifest(sample.text).objects).not.toEqual([]);
    expect(printFindings(rule, sample)).toBe('');
  });

  test('has samples of both', () => {
    expect(new Set(samples.map(({ kind }) => kind))).toEqual(new Set(['finds', 'passes']));
  });
});
