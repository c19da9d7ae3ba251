import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { slugify } from '../scripts/site-pages.ts';
import { CAUSES } from '../src/cause/causes.ts';
import { buildProgram } from '../src/cli/program.ts';
import { loadPolicy } from '../src/rules/policy.ts';
import { PolicyError } from '../src/policy/errors.ts';
import { buildPolicySchema } from '../src/policy/schema.ts';
import { capturedIo } from './support/captured-io.ts';
import { NAMESPACES, namespaceOf, PODS } from './support/cluster-objects.ts';
import { startStandIn, type StandInApiServer } from './support/stand-in-api-server.ts';
import { writeKubeconfig } from './support/stand-in-connection.ts';
import { tempFolder } from './support/temp-folder.ts';
import { replaceBehind, UPDATES_DOCS } from './support/update-docs.ts';
import {
  pullFailure,
  UNAUTHORIZED,
  UNKNOWN_CA,
  waitingPod,
  warning,
  type WaitingPodOptions,
} from './support/waiting-objects.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DECISIONS = 'docs/decisions';
const HEADER = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';

/** Folders with pages that are not ours, or copies. */
const SKIPPED = /^(?:\..*|node_modules|dist.*|coverage)$/;

const PAGES = findPages(ROOT);

function findPages(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !SKIPPED.test(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return findPages(path);
      return entry.name.endsWith('.md') ? [relative(ROOT, path)] : [];
    });
}

function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

type Block = Readonly<{ info: string; text: string; next: string }>;

/** The fenced blocks of a page, each with the text of the one after it. */
function readBlocks(page: string): readonly Block[] {
  const blocks = [...read(page).matchAll(/^ *```(.*)\n([\s\S]*?)^ *```$/gm)];
  return blocks.map(([, info = '', text = ''], at) => ({ info, text, next: blocks[at + 1]?.[2] ?? '' }));
}

/** A page without its fenced blocks. */
function readProse(page: string): string {
  return read(page).replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
}

test('there are pages to look at', () => {
  expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'docs/policy.md', 'docs/install.md']));
});

describe('links', () => {
  /** As GitHub names the headings of a page, and what the page names itself. */
  function listAnchors(page: string): readonly string[] {
    const prose = readProse(page);
    const slugs = [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slugify(heading));
    return [...slugs, ...[...prose.matchAll(/^<a id="([a-z\d-]+)"><\/a>$/gm)].map(([, id = '']) => id)];
  }

  test.each(PAGES)('of %s lead somewhere', (page) => {
    const prose = readProse(page).replaceAll(/`[^`\n]*`(?!\])/g, '');
    const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = targets
      .filter((target) => !/^(?:https?|mailto):/.test(target))
      .filter((target) => {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? page : join(dirname(page), path);
        return !existsSync(join(ROOT, file)) || (anchor !== undefined && !listAnchors(file).includes(anchor));
      });
    expect(broken).toEqual([]);
  });

  test('that `pullguard diagnose` prints, docs/causes.md#CODE, lead to the section of the cause', () => {
    const sections = [...read('docs/causes.md').matchAll(/^<a id="([^"]*)"><\/a>\n\n## (\S+): /gm)];
    expect(sections.map(([, id, code]) => [id, code])).toEqual(
      expect.arrayContaining(Object.keys(CAUSES).map((code) => [code, code])),
    );
    expect(listAnchors('docs/causes.md')).toEqual(expect.arrayContaining(Object.keys(CAUSES)));
  });
});

describe('commands', () => {
  const { commands } = buildProgram(capturedIo(), () => undefined);
  const flagsOf = new Map(
    commands.map((command) => [
      command.name(),
      [
        ...[command, ...command.commands].flatMap(({ options }) => options.flatMap(({ short, long }) => [short, long])),
        ...['-h', '--help'],
      ],
    ]),
  );
  const allFlags = ['--help', '--version', ...[...flagsOf.values()].flat()];
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);

  /** Lines of code, and code in running text, one a line. */
  function listCode(page: string): readonly string[] {
    const blocks = readBlocks(page).flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'));
    const spans = [...readProse(page).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code.replaceAll('\\|', '|'));
    return [...blocks, ...spans].map((line) => line.trim());
  }

  /** The command and flags of each call of pullguard: `pullguard check --config F -` in a line, or behind a pipe. */
  function listCalls(page: string): readonly Readonly<{ command: string; flags: readonly string[] }>[] {
    return listCode(page)
      .flatMap((line) => line.split(/ \| | && /))
      .flatMap((line) => {
        const [, command, rest = ''] = /^[#$ ]*(?:pullguard|node dist\/main\.js) ([a-z]\w*)(.*)$/.exec(line) ?? [];
        if (command === undefined) return [];
        return [{ command, flags: [...rest.matchAll(/(?<=[ [])--?[a-z][\w-]*/g)].map(([flag]) => flag) }];
      });
  }

  test.each(PAGES)('and flags in %s exist', (page) => {
    for (const { command, flags } of listCalls(page)) {
      expect([...flagsOf.keys()]).toContain(command);
      for (const flag of flags) expect(flagsOf.get(command), `${command} ${flag}`).toContain(flag);
    }
    for (const flag of listCode(page).filter((code) => /^--[a-z][\w-]*$/.test(code))) expect(allFlags).toContain(flag);
  });

  test.each(PAGES)('of npm in %s exist', (page) => {
    const named = listCode(page).flatMap((line) =>
      [...line.matchAll(/\bnpm run ([\w:]+)/g)].map(([, script = '']) => script),
    );
    for (const script of named) expect(scripts).toContain(script);
  });

  test('are all in the README', () => {
    expect(new Set(listCalls('README.md').map(({ command }) => command))).toEqual(new Set(flagsOf.keys()));
  });

  test('to begin with are there as they are typed', () => {
    const lines = readBlocks('README.md').flatMap(({ text }) => text.split('\n'));
    expect(lines).toEqual(expect.arrayContaining(['npm ci && npm run demo', 'npm ci && npm test']));
  });
});

describe('samples', () => {
  test.each(['README.md', 'docs/policy.md', 'docs/install.md'])('of policies in %s load', (page) => {
    const policies = readBlocks(page).filter(
      ({ info, text }) => info !== 'yaml broken' && /^kind: Policy$/m.test(text),
    );
    expect(policies).not.toEqual([]);
    for (const { text } of policies) expect(() => loadPolicy(text)).not.toThrow();
  });

  test('of single keys load', () => {
    const fragments = readBlocks('docs/policy.md').filter(({ info }) => info === 'yaml fragment');
    expect(fragments).not.toEqual([]);
    for (const { text } of fragments) expect(() => loadPolicy(HEADER + text)).not.toThrow();
  });

  test('of broken policies print what stands below them', () => {
    const broken = readBlocks('docs/policy.md').filter(({ info }) => info === 'yaml broken');
    expect(broken).not.toEqual([]);
    for (const { text, next } of broken) {
      const printed = `error: the policy cannot be used:\n${explain(text)}\n`;
      if (UPDATES_DOCS) replaceBehind(join(ROOT, 'docs/policy.md'), text, next, printed);
      else expect(printed).toBe(next);
    }
  });

  function explain(policy: string): string {
    try {
      loadPolicy(policy, 'policy.yaml');
      return 'nothing is wrong';
    } catch (error) {
      if (error instanceof PolicyError) return error.message;
      throw error;
    }
  }

  test.each(['README.md', 'docs/check.md'])('of the command line in %s print what they print', async (page) => {
    const blocks = readBlocks(page);
    const { path, at, write } = tempFolder();
    const names = blocks.flatMap(({ text }) => {
      const name = /^# (\S+\.yaml)\n/.exec(text)?.[1];
      if (name !== undefined) write(name, text);
      return name ?? [];
    });
    const calls = blocks
      .filter(({ info }) => info === 'console')
      .flatMap(({ text }) => text.split(/^\$ /m))
      .filter((call) => call.startsWith('node dist/main.js '));
    expect(calls).not.toEqual([]);
    for (const call of calls) {
      const [line = '', ...printed] = call.split('\n');
      const words = line.replace(' 2>/dev/null', '').split(' ');
      const argv = words.map((word) => (names.includes(word) || /^[\w-]+\.json$/.test(word) ? at(word) : word));
      const io = capturedIo();
      await buildProgram(io, () => undefined).parseAsync(argv);
      const named = io.printed.stdout.replaceAll(/^(--- a|\+\+\+ b)\/.*\//gm, '$1/').replaceAll(`${path}/`, '');
      if (UPDATES_DOCS) replaceBehind(join(ROOT, page), `$ ${line}\n`, printed.join('\n'), named);
      else expect(named).toBe(printed.join('\n'));
    }
  });

  test.each<[page: string, command: string, start: () => Promise<StandInApiServer>]>([
    ['README.md', 'kubectl pullguard diagnose -A', startOutage],
    ['docs/diagnose.md', 'pullguard diagnose -A', startRefusal],
  ])('of a cluster in %s print what they print, but for the end of a long line', async (page, command, start) => {
    const before = `$ ${command}\n`;
    const [, printed = ''] =
      read(page)
        .split(before)[1]
        ?.match(/^([\s\S]*?)^```$/m) ?? [];
    const kubeconfig = writeKubeconfig(await start(), tempFolder().at('kubeconfig'));
    const io = capturedIo();
    const argv = [...command.replace(/^kubectl /, '').split(' '), '--kubeconfig', kubeconfig];
    await buildProgram(io, () => undefined).parseAsync(['node', ...argv]);
    const shown = io.printed.stdout.replace(/^( {2}do .*?[;:]) .*$/m, '$1 …');
    if (UPDATES_DOCS) replaceBehind(join(ROOT, page), before, printed, shown);
    else expect(shown).toBe(printed);
  });

  /** A registry whose CA no node knows, under three Deployments. */
  async function startOutage(): Promise<StandInApiServer> {
    const pods = ['web:1.4', 'api:2.0', 'cart:1.1'].flatMap((tagged) =>
      ['a', 'b', 'c', 'd'].map((each, at) => {
        const [deployment = ''] = tagged.split(':');
        const node = at < 2 ? 'node-1' : 'node-2';
        return { name: `${deployment}-5d9-${each}`, image: `harbor.example.com/shop/${tagged}`, deployment, node };
      }),
    );
    return startWaiting(pods, UNKNOWN_CA);
  }

  /** Credentials that a registry does not accept, under two. */
  async function startRefusal(): Promise<StandInApiServer> {
    const pods = ['api-5d9-a', 'api-5d9-b', 'web-5d9-a', 'web-5d9-b'].map((name) => {
      const [deployment = ''] = name.split('-');
      return { name, image: 'harbor.example.com/team/app:v1', deployment, secrets: ['harbor'] };
    });
    const server = await startWaiting(pods, UNAUTHORIZED);
    const auths = { 'harbor.example.com': { username: 'robot', password: 'pass-word-1' } };
    const config = Buffer.from(JSON.stringify({ auths })).toString('base64');
    server.seed('/api/v1/secrets', [
      {
        metadata: { namespace: 'shop', name: 'harbor' },
        type: 'kubernetes.io/dockerconfigjson',
        data: { '.dockerconfigjson': config },
      },
    ]);
    return server;
  }

  async function startWaiting(pods: readonly WaitingPodOptions[], why: string): Promise<StandInApiServer> {
    const server = await startStandIn();
    onTestFinished(() => server.stop());
    server.seed(NAMESPACES, [namespaceOf('shop')]);
    server.seed(PODS, pods.map(waitingPod));
    server.seed(
      '/api/v1/events',
      pods.map(({ name, image }) => warning({ about: name, message: pullFailure(image, why) })),
    );
    const nodeInfo = {
      operatingSystem: 'linux',
      architecture: 'amd64',
      containerRuntimeVersion: 'containerd://1.7.20',
    };
    server.seed(
      '/api/v1/nodes',
      ['node-1', 'node-2'].map((name) => ({ metadata: { name }, status: { nodeInfo } })),
    );
    return server;
  }

  test('of the library name what it exports', async () => {
    const [, names = ''] = /import \{ ([^}]*) \} from 'pullguard'/.exec(read('README.md')) ?? [];
    const exported = Object.keys(await import('../src/index.ts'));
    for (const name of [...names.split(', '), 'parseReference', 'evaluate']) expect(exported).toContain(name);
  });
});

describe('docs/policy.md', () => {
  const page = read('docs/policy.md');

  type Row = readonly [key: string, default_: string, limits: string, what: string];
  type Limits = Readonly<Partial<Record<'least' | 'most' | 'minimum' | 'maximum', string | number>>>;
  type Schema = Limits & {
    default?: unknown;
    description?: string;
    properties?: Readonly<Record<string, Schema>>;
    required?: readonly string[];
    items?: Schema;
    then?: Schema;
  };

  /** The rows of all tables of keys, without their links. */
  function listRows(): readonly Row[] {
    const tables = [...page.matchAll(/^\| key +\|.*\n\|[ |-]+\n((?:\|.*\n)+)/gm)].map(([, table = '']) => table);
    return tables
      .flatMap((table) => table.trim().split('\n'))
      .map((row) => {
        const cells = row
          .replaceAll(/\[([^\]]+)\]\(.*?\)/g, '$1')
          .split('|')
          .slice(1, -1);
        const [key = '', usual = '', ...rest] = cells.map((cell) => cell.trim());
        const [what = '', limits = ''] = rest.toReversed();
        return [key, usual, limits, what];
      });
  }

  /** The same of all keys in a schema that hold no others, or need not. */
  function listKeys(schema: Schema, path = '', isRequired = false): readonly Row[] {
    const { properties = {}, items, then, required = [] } = schema;
    const members = Object.entries(properties).flatMap(([key, member]) =>
      listKeys(member, path === '' ? key : `${path}.${key}`, required.includes(key)),
    );
    const entries = items?.properties === undefined ? [] : listKeys(items, `${path}[]`);
    if (members.length + entries.length > 0) return [...members, ...entries];
    return [toRow(schema, path, isRequired), ...(then === undefined ? [] : listKeys(then, path))];
  }

  function toRow(schema: Schema, path: string, isRequired: boolean): Row {
    const { default: value, least = schema.minimum, most = schema.maximum, description = '' } = schema;
    const usual = stringify(value, { collectionStyle: 'flow', flowCollectionPadding: false, singleQuote: true });
    return [
      `\`${path}\``,
      isRequired ? 'required' : value === undefined ? 'none' : `\`${usual.trim()}\``,
      least === undefined ? '' : `\`${least}\`, \`${most ?? ''}\``,
      description,
    ];
  }

  /** Writes what each key is into the last cell of its row. */
  function describeRows(descriptions: ReadonlyMap<string, string>): void {
    for (const row of page.match(/^\| `.*\|$/gm) ?? []) {
      const cells = row.split('|');
      const [, key = ''] = /(`[^`]+`)/.exec(cells[1] ?? '') ?? [];
      const what = descriptions.get(key);
      const now = cells.at(-2)?.replaceAll(/\[([^\]]+)\]\(.*?\)/g, '$1');
      if (what === undefined || now?.trim() === what) continue;
      replaceBehind(join(ROOT, 'docs/policy.md'), '', row, [...cells.slice(0, -2), ` ${what} `, ''].join('|'));
    }
  }

  test('has every key that a policy may have, with its default, its limits and what it is', () => {
    const keys = listKeys(buildPolicySchema([]));
    expect(keys.length).toBeGreaterThan(20);
    if (UPDATES_DOCS) {
      describeRows(new Map(keys.map(([key, , , what]) => [key, what])));
      return;
    }
    expect(new Map(listRows().map((row) => [row[0], row]))).toEqual(new Map(keys.map((row) => [row[0], row])));
  });
});

describe('decisions', () => {
  const files = readdirSync(join(ROOT, DECISIONS)).filter((name) => name !== 'README.md');
  const index = read(`${DECISIONS}/README.md`);

  test('have a number each', () => {
    const numbers = files.map((name) => /^(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1]);
    expect(numbers).not.toContain(undefined);
    expect(new Set(numbers).size).toBe(files.length);
  });

  test.each(files)('%s is in the index by its title, and says context, decision and consequences', (name) => {
    const page = read(`${DECISIONS}/${name}`);
    const [, number = '', title = ''] = /^# (\d{4}): (.*)\n/.exec(page) ?? [];
    expect(name.startsWith(`${number}-`)).toBe(true);
    expect(index).toContain(`- [${number}](${name}): ${title}\n`);
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual([
      'Context',
      'Decision',
      'Consequences',
    ]);
  });
});

test('the changelog has the version of the package', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(read('CHANGELOG.md')).toContain(`\n## [${version}] - `);
});
