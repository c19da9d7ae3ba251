import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { diagnose, type DiagnoseOptions } from '../../src/cli/diagnose.ts';
import { UsageError } from '../../src/cli/io.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** When it is that a text is pasted. */
const NOW = Date.parse('2026-06-01T12:00:00Z');

async function run(stdin: string, output: DiagnoseOptions['output'] = 'json') {
  const io = capturedIo({ stdin });
  const code = await diagnose(['-'], { output }, io, NOW);
  return { code, ...io.printed };
}

/** The objects of the lines that are printed. */
async function read(stdin: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { stdout } = await run(stdin);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/pull-failures/${name}`, import.meta.url), 'utf8');
}

const NOT_FOUND =
  'Failed to pull image "a/b:1": rpc error: code = NotFound desc = failed to resolve reference "docker.io/a/b:1": docker.io/a/b:1: not found';
const LIMITED = 'ERROR: toomanyrequests: Too Many Requests.';

describe('messages, one a line', () => {
  test('are answered one by one in their order, so that a script can match them', async () => {
    const lines = [
      NOT_FOUND,
      JSON.stringify(LIMITED),
      'something that nobody has seen',
      'Pulling image "a/b:1"',
      JSON.stringify('a\nb'),
    ];
    const found = await read(lines.join('\n'));
    expect(found.map(({ message, cause, faqItem }) => [message, cause, faqItem])).toEqual([
      [NOT_FOUND, 'image-not-found', 2],
      [LIMITED, 'rate-limited', 8],
      ['something that nobody has seen', 'unknown', null],
      ['Pulling image "a/b:1"', undefined, null],
      ['a\nb', 'unknown', null],
    ]);
  });

  test('have the members that apply, and no other', async () => {
    const [found, limited] = await read(`${NOT_FOUND}\n${LIMITED}`);
    expect(Object.keys(found!)).toEqual(['message', 'cause', 'faqItem', 'image', 'host', 'registry', 'remedy']);
    expect(Object.keys(limited!)).toEqual(['message', 'cause', 'faqItem', 'remedy']);
  });

  test.each([
    'Pulling image "a/b:1"',
    'Successfully pulled image "a/denied:1" in 1.2s (1.2s including waiting). Image size: 3 bytes.',
    'Container image "a/b:1" already present on machine',
    'Container image "a/b:1" already present on machine and can be accessed by the pod',
  ])('that say that a pull goes well have no cause, and nothing failed: %s', async (message) => {
    expect(await run(message)).toMatchObject({ code: 0, stdout: `${JSON.stringify({ message, faqItem: null })}\n` });
    expect(await run(message, 'text')).toMatchObject({ code: 0, stdout: 'no failed pulls\n' });
    expect(await run(`${message}\n${LIMITED}`)).toMatchObject({ code: 1 });
  });

  test('that go on below, as registries list errors, are one', async () => {
    const text = `Failed to pull image "docker.io/acme/nginx": rpc error: code = Unknown desc = Error reading manifest latest in docker.io/acme/nginx: errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n\n${LIMITED}\n`;
    expect((await read(text)).map(({ cause }) => cause)).toEqual(['repository-not-found', 'rate-limited']);
  });

  test('in words that are not known are unknown, with the last clause', async () => {
    const { code, stdout } = await run(
      'Failed to pull image "a/b:1": rpc error: code = Unknown desc = the flux is gone',
      'text',
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/^docker\.io: unknown cause\n {2}event {2}"the flux is gone"\n/);
  });
});

describe('what kubectl prints', () => {
  test('as a List of Events is read, of both kinds, with the Pod, its node, since when and how often', async () => {
    expect(await read(fixture('events.json'))).toMatchObject([
      { cause: 'credentials-missing', pod: 'shop/web-1', node: 'node-1', since: '2026-06-01T11:58:00Z', count: 4 },
      {
        cause: 'credentials-missing',
        pod: 'shop/web-2',
        node: 'node-2',
        since: '2026-06-01T11:59:00.123456Z',
        count: 3,
        host: 'registry.example.com',
      },
      { cause: 'disk-full', owner: 'Node/node-3', node: 'node-3' },
    ]);
  });

  test('as Pods is read: what their containers wait for, and of which Deployment they are', async () => {
    expect(await read(fixture('pods.json'))).toMatchObject([
      {
        cause: 'access-denied',
        pod: 'shop/web-5d8c7b9f4d-x2p4b',
        owner: 'Deployment/web',
        node: 'node-1',
        image: 'harbor.example.com/team/app:v1',
      },
      { cause: 'reference-invalid', pod: 'jobs/job-1', image: 'nginx:1.25:latest' },
    ]);
  });

  test('is read also one object after another, one a line, and as YAML', async () => {
    const { items } = JSON.parse(fixture('events.json')) as { items: unknown[] };
    const causes = ['credentials-missing', 'credentials-missing', 'disk-full'];
    for (const text of [
      items.map((item) => JSON.stringify(item, null, 2)).join('\n'),
      items.map((item) => JSON.stringify(item)).join('\n'),
      items.map((item) => JSON.stringify({ type: 'ADDED', object: item })).join('\n'),
      `apiVersion: v1\nkind: List\nitems:\n${items.map((item) => `- ${JSON.stringify(item)}\n`).join('')}`,
    ]) {
      expect((await read(text)).map(({ cause }) => cause)).toEqual(causes);
    }
  });

  test('as a table is read by its columns, and by the rows alone', async () => {
    const table = fixture('events-table.txt');
    const found = [
      {
        cause: 'image-not-found',
        image: 'nginx:1.99',
        pod: 'shop/web-5d8c7b9f4d-x2p4b',
        since: '2026-06-01T11:58:00Z',
      },
      { cause: 'rate-limited', pod: 'jobs/report-28412-abcde', host: 'registry-1.docker.io' },
    ];
    expect(await read(table)).toMatchObject(found);
    expect(await read(table.slice(table.indexOf('\n') + 1))).toMatchObject(found);
  });

  test.each<[what: string, text: string, found: Readonly<Record<string, unknown>>]>([
    [
      'kubectl get events -o wide',
      `LAST SEEN   TYPE      REASON   OBJECT      SUBOBJECT              SOURCE            MESSAGE                                                 FIRST SEEN   COUNT   NAME
2m          Warning   Failed   pod/web-1   spec.containers{web}   kubelet, node-7   Failed to pull image "r.example/a:1": pull QPS exceeded   5m           4       web-1.17
`,
      {
        message: 'Failed to pull image "r.example/a:1": pull QPS exceeded',
        pod: 'web-1',
        node: 'node-7',
        count: 4,
        since: '2026-06-01T11:55:00Z',
      },
    ],
    [
      'kubectl events',
      `5s (x2 over 20s)   Warning   Failed   Pod/web-1   Failed to pull image "r.example/a:1": pull QPS exceeded\n`,
      { pod: 'web-1', count: 2, since: '2026-06-01T11:59:40Z' },
    ],
    [
      'kubectl describe of old versions',
      `Name:\t\tweb-1\nNamespace:\tshop\nEvents:\n  5m\t\t2m\t\t4\tkubelet, node-7\t\tspec.containers{web}\tWarning\t\tFailed\t\tFailed to pull image "r.example/a:1": pull QPS exceeded\n`,
      { pod: 'shop/web-1', node: 'node-7', count: 4, since: '2026-06-01T11:55:00Z' },
    ],
    [
      'a row of kubectl describe alone',
      '  Warning  Failed     <invalid> (x4 over <invalid>)  kubelet, node-2            Failed to pull image "r.example/a:1": pull QPS exceeded',
      { node: 'node-2', count: 4 },
    ],
    [
      'kubectl describe, with an age of two units',
      '  Warning  Failed     57s (x12 over 3d2h)  kubelet            Failed to pull image "r.example/a:1": pull QPS exceeded',
      { count: 12, since: '2026-05-29T10:00:00Z' },
    ],
  ])('of %s is read', async (_what, text, found) => {
    expect(await read(text)).toMatchObject([{ cause: 'pull-qps', ...found }]);
  });

  test('as a list of texts is read as messages', async () => {
    expect(await read(JSON.stringify([LIMITED, 'something else']))).toMatchObject([
      { cause: 'rate-limited' },
      { cause: 'unknown' },
    ]);
  });

  test('of kubectl describe is read although its columns are wrapped', async () => {
    const [found, ...more] = await read(fixture('described-pod.txt'));
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      cause: 'unknown-ca',
      host: 'harbor.example.com:8443',
      pod: 'shop/web-5d8c7b9f4d-x2p4b',
      owner: 'Deployment/web',
      node: 'node-1',
      count: 4,
      since: '2026-06-01T11:55:00Z',
    });
  });

  test('of kubectl describe names the ReplicaSet where its name has not the hash of the Pod', async () => {
    const text = fixture('described-pod.txt').replace('pod-template-hash=5d8c7b9f4d', 'pod-template-hash=0000');
    expect(await read(text)).toMatchObject([{ owner: 'ReplicaSet/web-5d8c7b9f4d' }]);
  });

  test.each([
    ['within a word', 'Failed to pull image "r.example/a:1": x509: certificate signed by unk\nnown authority'],
    ['between words', 'Failed to pull image "r.example/a:1": x509: certificate signed by\n   unknown authority'],
  ])('of kubectl describe is read also where a terminal broke it %s', async (_how, message) => {
    const text = `Events:\n  Type     Reason  Age               From     Message\n  Warning  Failed  2m (x4 over 5m)  kubelet  ${message}\n  Warning  Failed  2m  kubelet  Error: ErrImagePull\n`;
    expect(await read(text)).toMatchObject([{ cause: 'unknown-ca', count: 4 }]);
  });
});

describe('logs', () => {
  test('of a node have their failed pulls found, and nothing else that failed', async () => {
    const found = await read(fixture('journal.txt'));
    expect(found).toHaveLength(3);
    for (const each of found) {
      expect(each).toMatchObject({
        cause: 'connection-refused',
        host: 'registry.example.com',
        image: 'registry.example.com/team/app:1',
        node: 'node-1',
      });
    }
    expect(found[2]).toMatchObject({ pod: 'shop/web-1' });
  });

  test('are read without the fields that name the Pod, which are no reason of their own', async () => {
    const lines = [
      String.raw`E0601 12:00:01.940000    1234 pod_workers.go:1301] "Error syncing pod, skipping" err="failed to \"StartContainer\" for \"web\" with ImagePullBackOff: \"Back-off pulling image \\\"a/b:1\\\"\"" pod="shop/web-1" podUID="1c8ba6b2-1f4e-4c3e-9d0e-3d5a3d0f7f55"`,
      String.raw`E0601 12:00:01.940000    1234 log.go:32] "PullImage from image service failed" err="rpc error: code = Unknown desc = failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized" image="a/b:1"`,
    ];
    expect(await read(lines.join('\n'))).toMatchObject([
      { cause: 'back-off', image: 'a/b:1', pod: 'shop/web-1' },
      { cause: 'credentials-refused', image: 'a/b:1' },
    ]);
  });

  test('in JSON are read', async () => {
    const line = {
      ts: 1,
      logger: 'k',
      msg: 'Failed to pull image',
      err: 'dial tcp 192.0.2.1:443: i/o timeout',
      image: 'a/b:1',
    };
    expect(await read(`${JSON.stringify(line)}\n{"msg":"other"}\n`)).toMatchObject([{ cause: 'timeout' }]);
  });

  test('without a failed pull are fine', async () => {
    const lines = fixture('journal.txt')
      .split('\n')
      .filter((line) => !line.includes('team/app'));
    expect(await run(lines.join('\n'), 'text')).toMatchObject({ code: 0, stdout: 'no failed pulls\n' });
  });
});

describe('for people', () => {
  test('reports of one cause at one registry are told once', async () => {
    const { code, stdout } = await run(fixture('events.json'), 'text');
    expect(code).toBe(1);
    expect(stdout.match(/^\S.*$/gm)).toHaveLength(2);
    expect(stdout).toContain('  pod    shop/web-1 and shop/web-2\n');
    expect(stdout).toContain('  seen   7 times, since 2026-06-01T11:58:00Z\n');
    expect(stdout).toContain('kubectl -n shop create secret docker-registry');
    expect(stdout).toContain('  see    docs/causes.md#credentials-missing\n');
  });

  test('a message that would repaint the terminal is shown and not obeyed', async () => {
    const { stdout } = await run(
      'Failed to pull image "a/b:1\u001b[2J": rpc error: code = Unknown desc = \u001b[2Jgone',
      'text',
    );
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  test('what would tell two causes apart is told', async () => {
    const { stdout } = await run('Failed to pull image "r.example/b:1": context canceled', 'text');
    expect(stdout).toMatch(
      /^ {2}or {5}timeout \(FAQ check item 7\): it is this if .*curl -v https:\/\/r\.example:443\/v2\//m,
    );
  });

  test('of the image of the sandbox it is said where it is set', async () => {
    const { stdout } = await run(
      'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "registry.k8s.io/pause:3.8": failed to pull image "registry.k8s.io/pause:3.8": dial tcp 1.2.3.4:443: i/o timeout',
      'text',
    );
    expect(stdout).toContain('pause_image of CRI-O');
  });
});

describe('misuse', () => {
  test.each<[what: string, targets: readonly string[], stdin: string]>([
    ['no input', ['-'], ' \n'],
    ['anything but standard input', ['pod/a'], 'a'],
    ['more than standard input', ['-', 'a'], 'a'],
  ])('%s', async (_what, targets, stdin) => {
    await expect(diagnose(targets, { output: 'text' }, capturedIo({ stdin }))).rejects.toThrow(UsageError);
  });

  test('a message in place of a Pod is answered with how to give it, also without a cluster', async () => {
    const asked = diagnose([NOT_FOUND], { output: 'text' }, capturedIo({}));
    await expect(asked).rejects.toThrow('messages are read from standard input: pullguard diagnose - < FILE');
  });

  test('so is a file in place of a Pod', async () => {
    const file = tempFolder().write('events.txt', NOT_FOUND);
    const asked = diagnose([file], { output: 'text' }, capturedIo({}));
    await expect(asked).rejects.toThrow('events.txt" is a file: pullguard diagnose - < FILE, or pod/NAME for a Pod');
  });

  test('input that cannot be read', async () => {
    const io = { ...capturedIo(), readStdin: () => Promise.reject(new Error('is no text')) };
    await expect(diagnose(['-'], { output: 'text' }, io)).rejects.toThrow('standard input cannot be read');
  });
});

/** A page's samples: what is pasted, and below it what is printed. */
const PAGE = readFileSync(new URL('../../docs/diagnose.md', import.meta.url), 'utf8');
const SAMPLES = [...PAGE.matchAll(/^```text (in|in-json)\n([\s\S]*?)^```$[\s\S]*?^```\w* out\n([\s\S]*?)^```$/gm)].map(
  ([, kind, input = '', output = '']) => [input, kind === 'in' ? 'text' : 'json', output] as const,
);

test('the page has samples', () => {
  expect(SAMPLES.length).toBeGreaterThan(1);
});

test.each(SAMPLES)('what docs/diagnose.md shows is so: %s', async (input, format, output) => {
  expect((await run(input, format)).stdout).toBe(output);
});
