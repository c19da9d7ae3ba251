import { Ajv, type ValidateFunction } from 'ajv';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { check, type CheckOptions } from '../../src/cli/check.ts';
import { formatGithub } from '../../src/cli/formats/github.ts';
import { formatJunit } from '../../src/cli/formats/junit.ts';
import { formatMarkdown } from '../../src/cli/formats/markdown.ts';
import { findRoot, toRepositoryPath, toUri } from '../../src/cli/formats/issues.ts';
import { FORMATS, type Format } from '../../src/cli/outputs.ts';
import { RULES } from '../../src/rules/index.ts';
import { linkToFile } from '../../src/text/repository.ts';
import { applyReplacements } from '../../src/text/unified-diff.ts';
import { capturedIo } from '../support/captured-io.ts';
import { finding } from '../support/finding.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { UPDATES_DOCS } from '../support/update-docs.ts';

const FOLDER = fileURLToPath(new URL('../fixtures/formats/', import.meta.url));
const FILES = ['shop.yaml', 'a b/50%.yaml'];

/** Paths in the reports are those of the repository, which the folder stands for. */
beforeAll(() => {
  vi.stubEnv('GITHUB_WORKSPACE', '');
  vi.stubEnv('CI_PROJECT_DIR', '');
  vi.spyOn(process, 'cwd').mockReturnValue(FOLDER.replace(/\/$/, ''));
  return () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  };
});

async function run(files: readonly string[], options: Partial<CheckOptions>) {
  const io = capturedIo();
  const paths = files.map((file) => join(FOLDER, file));
  const code = await check(paths, { output: 'text', config: join(FOLDER, 'policy.yaml'), ...options }, io);
  return { code, stdout: io.printed.stdout.replaceAll(FOLDER, ''), stderr: io.printed.stderr };
}

const GOLDEN: Readonly<Record<Format, string>> = {
  text: 'report.txt',
  json: 'report.json',
  sarif: 'report.sarif',
  junit: 'report.xml',
  github: 'annotations.txt',
  gitlab: 'code-quality.json',
  markdown: 'comment.md',
};

/** A reader of a format sees at once what a change does to it: the expected reports are files. */
test.each(FORMATS)('%s is as in its golden file', async (format) => {
  const { code, stdout } = await run(FILES, { output: format });
  const file = join(FOLDER, 'expected', GOLDEN[format]);
  // What the rules are is in other tests; here it would change with each.
  const text = format === 'sarif' ? stdout.replace(/"rules": \[[^]*?\n {10}\]/, '"rules": []') : stdout;
  if (UPDATES_DOCS) {
    mkdirSync(join(FOLDER, 'expected'), { recursive: true });
    writeFileSync(file, text);
  }
  expect(text).toBe(readFileSync(file, 'utf8'));
  expect(code).toBe(2);
});

describe('--output-file', () => {
  test('writes as many reports as are wanted, and leaves the output as it is', async () => {
    const { at } = tempFolder();
    const outputFile = FORMATS.map((format) => `${format}=${at(GOLDEN[format])}`);
    const { code, stdout } = await run(FILES, { output: 'json', outputFile });
    expect(stdout).toBe((await run(FILES, { output: 'json' })).stdout);
    expect(code).toBe(2);
    for (const format of FORMATS) {
      const written = readFileSync(at(GOLDEN[format]), 'utf8').replaceAll(FOLDER, '');
      expect(written).toBe((await run(FILES, { output: format })).stdout);
    }
  });

  test('takes the place of the last report, and is not checked with the folder that it is in', async () => {
    const { at, path, write } = tempFolder();
    write(
      'pod.yaml',
      'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { containers: [{ image: "nginx:1" }] }\n',
    );
    for (const time of ['first', 'second']) {
      const io = capturedIo();
      await check([path], { output: 'text', outputFile: [`json=${at('report.json')}`] }, io);
      expect(io.printed.stdout, time).not.toContain('not Kubernetes objects');
      expect(JSON.parse(readFileSync(at('report.json'), 'utf8'))).toMatchObject({ version: 1 });
    }
  });

  test.each<[string, string]>([
    ['sarif', '--output-file "sarif" is not FORMAT=PATH: write sarif=pullguard.sarif'],
    ['=a', '--output-file has an unknown format "": use one of text, json'],
    ['sarfi=a', '--output-file has an unknown format "sarfi"; did you mean "sarif"?'],
  ])('%s is refused before anything is checked', async (written, message) => {
    await expect(run(FILES, { outputFile: [written] })).rejects.toThrow(message);
  });

  test('two reports in one file are refused', async () => {
    await expect(run(FILES, { outputFile: ['json=a', 'sarif=./a'] })).rejects.toThrow('writes "./a" twice');
  });

  test('what cannot be written is said, and does not keep the others', async () => {
    const { at } = tempFolder();
    const outputFile = [`json=${at('no/such/folder.json')}`, `gitlab=${at('b.json')}`];
    const { code, stdout, stderr } = await run(['shop.yaml'], { outputFile });
    expect(stderr).toMatch(/^error: --output-file ".*folder\.json" cannot be written: /);
    expect(stdout).toContain('2 errors');
    expect(existsSync(at('b.json'))).toBe(true);
    expect(code).toBe(2);
  });
});

type Region = Readonly<{ startLine: number; startColumn: number; endLine: number; endColumn: number }>;
type Sarif = Readonly<{
  runs: readonly Readonly<{
    tool: { driver: { rules: readonly { id: string; helpUri?: string; help: { markdown: string } }[] } };
    invocations: readonly { executionSuccessful: boolean }[];
    results: readonly Readonly<{
      ruleId: string;
      ruleIndex: number;
      level: string;
      message: { text: string };
      locations: readonly [{ physicalLocation: { artifactLocation: { uri: string }; region: Region } }];
      partialFingerprints: Readonly<Record<string, string>>;
      suppressions?: readonly { kind: string; justification?: string }[];
      fixes?: readonly {
        artifactChanges: readonly {
          replacements: readonly { deletedRegion: Region; insertedContent: { text: string } }[];
        }[];
      }[];
    }>[];
  }>[];
}>;

async function readSarif(...files: readonly string[]): Promise<Sarif> {
  return JSON.parse((await run(files, { output: 'sarif' })).stdout) as Sarif;
}

/** A script that reads the schema has to find what it says, and everything that there is. */
test('JSON is as its published schema says, which has every member', async () => {
  const schema = JSON.parse(readFileSync(new URL('../../schema/report.json', import.meta.url), 'utf8')) as {
    $id: string;
  };
  expect(schema.$id).toBe(linkToFile('schema/report.json'));
  // Readers have to take new members; the writer has to describe them.
  const closed = JSON.parse(
    JSON.stringify(schema).replaceAll('"properties":', '"additionalProperties":false,"properties":'),
  ) as object;
  const validate = new Ajv({ strict: true }).compile(closed);
  const baseline = tempFolder().at('baseline.json');
  for (const options of [{}, { diff: true }, { writeBaseline: baseline }, { baseline }])
    for (const files of [FILES, ['shop.yaml'], ['hostile.yaml'], ['policy.yaml']]) {
      const { stdout, stderr } = await run(files, { output: 'json', allowEmpty: true, ...options });
      validate(JSON.parse('diff' in options ? stderr : stdout));
      expect(validate.errors).toBeNull();
    }
});

describe('SARIF', () => {
  test('is valid by the schema of OASIS', async () => {
    const schema = new URL('../fixtures/schemas/sarif-2.1.0-rtm.5.json', import.meta.url);
    const content = JSON.parse(readFileSync(schema, 'utf8')) as Record<string, unknown>;
    delete content['$schema'];
    delete content['id'];
    const ajv = new Ajv({
      strict: false,
      allErrors: true,
      // One of its patterns has a bracket too many.
      unicodeRegExp: false,
      formats: { uri: isUri, 'uri-reference': true, 'date-time': true },
    });
    const validate: ValidateFunction = ajv.compile({ ...content, $id: 'https://example.com/sarif' });
    for (const files of [FILES, ['shop.yaml'], ['hostile.yaml'], ['policy.yaml']]) {
      validate(await readSarif(...files));
      expect(validate.errors).toBeNull();
    }
  });

  function isUri(text: string): boolean {
    return URL.canParse(text);
  }

  test('describes every rule, with its page and what to do', async () => {
    const [run_] = (await readSarif('shop.yaml')).runs;
    const described = run_?.tool.driver.rules ?? [];
    for (const { id, remedy, description } of RULES) {
      const rule = described.find((each) => each.id === id);
      expect(rule?.helpUri).toBe(`https://github.com/pullguard/pullguard/blob/main/docs/rules/${id}.md`);
      expect(rule?.help.markdown).toContain(description);
      expect(rule?.help.markdown).toContain(remedy);
    }
    for (const { ruleId, ruleIndex } of run_?.results ?? []) expect(described[ruleIndex]?.id).toBe(ruleId);
  });

  test('points to the characters of the value, of which paths and columns are what the standard says', async () => {
    const [run_] = (await readSarif(...FILES)).runs;
    const text = readFileSync(join(FOLDER, 'shop.yaml'), 'utf8');
    const shown = run_?.results.map(({ locations: [{ physicalLocation: place }] }) => slice(text, place.region));
    expect(shown).toEqual(expect.arrayContaining(["'NGINX:1.25'", 'redis:7:latest']));
    expect(run_?.invocations[0]?.executionSuccessful).toBe(false);
    expect(toUri(join(FOLDER, 'a b/50%.yaml'), FOLDER)).toBe('a%20b/50%25.yaml');
  });

  test('its fixes make of the file what --fix makes of it', async () => {
    const { at, write } = tempFolder();
    const text = readFileSync(join(FOLDER, 'shop.yaml'), 'utf8');
    const [run_] = (await readSarif('shop.yaml')).runs;
    const replacements = (run_?.results ?? [])
      .flatMap(({ fixes = [] }) => fixes.flatMap(({ artifactChanges }) => artifactChanges))
      .flatMap((change) => change.replacements)
      .map(({ deletedRegion, insertedContent }) => ({ ...toOffsets(text, deletedRegion), text: insertedContent.text }));
    expect(replacements.length).toBeGreaterThan(1);
    write('shop.yaml', text);
    await check([at('shop.yaml')], { output: 'text', fix: true, config: join(FOLDER, 'policy.yaml') }, capturedIo());
    expect(applyReplacements(text, replacements)).toBe(readFileSync(at('shop.yaml'), 'utf8'));
  });

  test('says of all results whether they are suppressed, and by what', async () => {
    const [run_] = (await readSarif('shop.yaml')).runs;
    const suppressed = run_?.results.flatMap(({ suppressions = [] }) => suppressions);
    expect(suppressed).toEqual([{ kind: 'inSource', status: 'accepted', justification: 'kept <until> May' }]);
    expect(run_?.results.every(({ suppressions }) => suppressions !== undefined)).toBe(true);
    const { at } = tempFolder();
    await run(['shop.yaml'], { writeBaseline: at('baseline.json') });
    const known = (await run(['shop.yaml'], { baseline: at('baseline.json'), output: 'sarif' })).stdout;
    expect(known.match(/"kind": "external"/g)?.length).toBeGreaterThan(1);
  });

  test('fingerprints tell the same finding in another line, and two of a kind apart', async () => {
    const { at, write } = tempFolder();
    const pod = 'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { containers: [{ name: c, image: A }] }\n';
    const prints = async (text: string): Promise<readonly unknown[]> => {
      write('pod.yaml', text);
      const io = capturedIo();
      await check([at('pod.yaml')], { output: 'gitlab' }, io);
      return (JSON.parse(io.printed.stdout) as { fingerprint: string }[]).map(({ fingerprint }) => fingerprint);
    };
    const [only] = await prints(pod);
    expect(await prints(`# moved\n\n${pod}`)).toEqual([only]);
    const both = await prints(`${pod}---\n${pod}`);
    expect(both[0]).toBe(only);
    expect(new Set(both).size).toBe(2);
  });
});

function toOffsets(
  text: string,
  { startLine, startColumn, endLine, endColumn }: Region,
): { start: number; end: number } {
  const lines = text.split('\n');
  const offset = (line: number, column: number): number =>
    lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
  return { start: offset(startLine, startColumn), end: offset(endLine, endColumn) };
}

function slice(text: string, region: Region): string {
  if (!('endLine' in region)) return '';
  const { start, end } = toOffsets(text, region);
  return text.slice(start, end);
}

const hasXmllint = spawnSync('xmllint', ['--version']).status === 0;

/** Whatever stands in a manifest is not obeyed by what reads the report. */
describe('texts of a manifest', () => {
  test.each(FORMATS)('in %s hold no credentials', async (format) => {
    expect((await run(['hostile.yaml'], { output: format })).stdout).not.toContain('pa55word');
  });

  const anything = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 8 }),
        fc.constantFrom(
          '\n::error::',
          '\r',
          '%0A',
          '::',
          ',',
          '##[',
          ']]>',
          '<!--',
          '&lt;',
          '</details>',
          '\u0001',
          '\ufffe',
          '\ud800',
          '|',
          '`',
          '@me',
          '#1',
        ),
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join(''));

  const report = (text: string) => ({
    result: {
      findings: [
        {
          ...finding({
            value: text,
            message: text,
            label: text,
            remedy: text,
            workload: { kind: text, name: text, namespace: text, podSpec: '' },
          }),
          file: `${text.replaceAll('\0', '')}.yaml`,
          line: 1,
          column: 1,
        },
      ],
      errors: [{ file: 'a.yaml', message: text }],
      counts: { workloads: 1, exempt: 0, otherObjects: 0, foreign: 0 },
      skipped: [],
      notes: [text],
    },
    fixable: [],
    root: '/',
  });

  test('GitHub sees one command for each issue, whose texts are those of the report', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const lines = formatGithub(report(text)).split('\n').slice(0, -1);
        const commands = lines.flatMap((line) => readCommand(line) ?? []);
        expect(commands.map(({ command }) => command)).toEqual(['error', 'error']);
        for (const { properties } of commands) {
          for (const name of Object.keys(properties)) expect(['file', 'line', 'col', 'title']).toContain(name);
        }
        expect(commands[1]?.message).toContain('\nFix: ');
        expect(lines).toHaveLength(4);
        for (const line of lines.slice(2)) expect(line).not.toContain('##[');
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  /** As the runner reads a line: `ActionCommand.TryParseV2`. */
  function readCommand(
    line: string,
  ): { command: string; properties: Record<string, string>; message: string } | undefined {
    const trimmed = line.trimStart();
    if (!trimmed.startsWith('::')) return undefined;
    const end = trimmed.indexOf('::', 2);
    if (end < 0) return undefined;
    const info = trimmed.slice(2, end);
    const space = info.indexOf(' ');
    const unescape = (text: string): string =>
      text
        .replaceAll('%2C', ',')
        .replaceAll('%3A', ':')
        .replaceAll('%0D', '\r')
        .replaceAll('%0A', '\n')
        .replaceAll('%25', '%');
    const properties = Object.fromEntries(
      (space < 0 ? '' : info.slice(space + 1)).split(',').map((property) => {
        const [name = '', ...value] = property.split('=');
        return [name, unescape(value.join('='))];
      }),
    );
    return { command: space < 0 ? info : info.slice(0, space), properties, message: unescape(trimmed.slice(end + 2)) };
  }

  test.skipIf(!hasXmllint)('JUnit stays XML, in a file for xmllint of Debian', () => {
    const { at, write } = tempFolder();
    const samples = fc.sample(anything, { numRuns: 40, seed: 2 });
    for (const [index, text] of samples.entries()) write(`${index}.xml`, formatJunit(report(text)));
    const files = samples.map((_, index) => at(`${index}.xml`));
    const { stderr, status } = spawnSync('xmllint', ['--noout', '--nonet', ...files], { encoding: 'utf8' });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });

  test('Markdown has no element but its own, one row for each issue, and never more than a comment holds', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const shown = formatMarkdown(report(text));
        const elements = new Set([...shown.matchAll(/<[^>]*>/g)].map(([element]) => element));
        for (const element of elements) {
          expect(['<details open>', '</details>', '<summary>', '</summary>', '<b>', '</b>', '<!-- -->']).toContain(
            element,
          );
        }
        expect(shown.match(/^\| ❌/gmu)).toHaveLength(2);
        expect(shown).not.toMatch(/(?:^|[^\w&\\])[@#]\w/m);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  test('Markdown of thousands of findings is cut between rows, and says how many are missing', () => {
    const { result, ...rest } = report('x');
    const [first] = result.findings;
    const many = Array.from({ length: 3000 }, (_, index) => ({
      ...(first ?? finding()),
      ...{ file: 'a.yaml', line: index + 1, column: 1 },
      workload: { kind: 'Pod', name: `pod-${index % 700}`, namespace: '', podSpec: '' },
    }));
    const shown = formatMarkdown({ ...rest, result: { ...result, findings: many } });
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(65_536);
    expect(Buffer.byteLength(shown)).toBeGreaterThan(60_000);
    const rows = shown.match(/^\| ❌/gmu)?.length ?? 0;
    expect(shown).toContain(`\n${3001 - rows} more are not listed here`);
    expect(shown.match(/<details/g)).toHaveLength(shown.match(/<\/details>/g)?.length ?? 0);
  });
});

describe('JUnit', () => {
  test('a warning fails its test where it fails the command', async () => {
    const { at, write } = tempFolder();
    write(
      'pod.yaml',
      'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { containers: [{ name: c, image: nginx }] }\n',
    );
    const config = write(
      'policy.yaml',
      'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\nrules: { tag-explicit: warn }\n',
    );
    for (const [failOn, failures] of [
      ['deny', 0],
      ['warn', 1],
    ] as const) {
      const io = capturedIo();
      expect(await check([at('pod.yaml')], { output: 'junit', config, failOn }, io)).toBe(failures);
      expect(io.printed.stdout).toContain(`<testsuites name="pullguard" tests="1" failures="${failures}" errors="0">`);
    }
  });

  test('every workload is a test, which a reader counts as Jenkins and GitLab do', async () => {
    const { stdout } = await run(FILES, { output: 'junit' });
    const cases = [...stdout.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"(?:\/>|>\s*<([\w-]+))/g)];
    expect(cases.map(([, file, name, outcome]) => [file, name, outcome])).toEqual([
      ['shop.yaml', 'Deployment/shop (namespace web)', 'failure'],
      ['shop.yaml', 'Pod/swr', 'system-out'],
      ['shop.yaml', 'Pod/fine', undefined],
      ['shop.yaml', 'not checked, line 31:62', 'skipped'],
      ['a b/50%.yaml', expect.stringMatching(/^reading line \d+$/), 'error'],
    ]);
    for (const [, tag = ''] of stdout.matchAll(/<(testsuites? [^>]*)>/g)) {
      expect(tag).toMatch(/ tests="\d+" failures="\d+" errors="\d+"/);
    }
  });

  /** `junit-10.xsd` of Jenkins' xUnit plugin, or `jenkins-junit.xsd` of JUnit 5, which no package has either. */
  const xsd = process.env['JUNIT_XSD'] ?? '';

  test.skipIf(xsd === '' || !hasXmllint)('is valid by the schema that JUNIT_XSD names', async () => {
    const { at, write } = tempFolder();
    write('report.xml', (await run([...FILES, 'hostile.yaml'], { output: 'junit' })).stdout);
    const { stderr, status } = spawnSync('xmllint', ['--noout', '--nonet', '--schema', xsd, at('report.xml')], {
      encoding: 'utf8',
    });
    expect({ stderr, status }).toEqual({ stderr: `${at('report.xml')} validates\n`, status: 0 });
  });

  /** Elements and attributes as in the schema of Jenkins' xUnit plugin, `junit-10.xsd`. */
  test('has the elements and attributes that its schema has', async () => {
    const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
      testsuites: ['name', 'time', 'tests', 'failures', 'errors'],
      testsuite: ['name', 'tests', 'failures', 'errors', 'skipped'],
      testcase: ['name', 'classname', 'time'],
      failure: ['type', 'message'],
      error: ['type', 'message'],
      skipped: ['type', 'message'],
      'system-out': [],
    };
    const { stdout } = await run([...FILES, 'hostile.yaml'], { output: 'junit' });
    for (const [, name = '', attributes = ''] of stdout.matchAll(/<([a-z][\w-]*)((?: \w+="[^"<]*")*)\s*\/?>/g)) {
      expect(Object.keys(ATTRIBUTES)).toContain(name);
      for (const [, attribute] of attributes.matchAll(/ (\w+)="/g)) expect(ATTRIBUTES[name]).toContain(attribute);
    }
  });
});

test('GitLab has what its reader needs of each entry', async () => {
  const { stdout } = await run(FILES, { output: 'gitlab' });
  const validate = new Ajv().compile({
    type: 'array',
    items: {
      type: 'object',
      required: ['description', 'check_name', 'fingerprint', 'severity', 'location'],
      properties: {
        ...{
          description: { type: 'string', minLength: 1 },
          check_name: { type: 'string' },
          fingerprint: { type: 'string' },
        },
        severity: { enum: ['info', 'minor', 'major', 'critical', 'blocker'] },
        location: {
          type: 'object',
          required: ['path', 'lines'],
          properties: {
            path: { type: 'string', pattern: '^(?!\\.?/)' },
            lines: { type: 'object', required: ['begin'], properties: { begin: { type: 'integer', minimum: 1 } } },
          },
        },
      },
    },
  });
  validate(JSON.parse(stdout));
  expect(validate.errors).toBeNull();
});

describe('paths in reports', () => {
  test.each<[what: string, cwd: string, env: Readonly<Record<string, string>>, root: string]>([
    ['the working directory', '/src/app', {}, '/src/app'],
    [
      'the workspace of GitHub, in a step that works in a folder of it',
      '/w/repo/deploy',
      { GITHUB_WORKSPACE: '/w/repo' },
      '/w/repo',
    ],
    ['the project of GitLab', '/builds/a/b', { CI_PROJECT_DIR: '/builds/a' }, '/builds/a'],
    ['the working directory outside of the workspace', '/tmp', { GITHUB_WORKSPACE: '/w/repo' }, '/tmp'],
    ['the working directory beside one that begins alike', '/w/repo2', { GITHUB_WORKSPACE: '/w/repo' }, '/w/repo2'],
    ['the working directory where the variable is no path', '/tmp', { GITHUB_WORKSPACE: 'repo' }, '/tmp'],
  ])('are from %s', (_what, cwd, env, root) => {
    expect(findRoot(cwd, env)).toBe(root);
  });

  test.each([
    ['/r/a.yaml', 'a.yaml', 'a.yaml'],
    ['/r/a/../b.yaml', 'b.yaml', 'b.yaml'],
    ['/r/..a/b.yaml', '..a/b.yaml', '..a/b.yaml'],
    ['/r/a:b?.yaml', 'a:b?.yaml', 'a%3Ab%3F.yaml'],
    ['/elsewhere/a b.yaml', '/elsewhere/a b.yaml', 'file:///elsewhere/a%20b.yaml'],
    ['<stdin>', 'stdin', 'stdin'],
  ])('%s is %s, as a URI %s', (file, path, uri) => {
    expect(toRepositoryPath(file, '/r')).toBe(path);
    expect(toUri(file, '/r')).toBe(uri);
  });
});
