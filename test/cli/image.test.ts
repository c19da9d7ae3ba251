import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ProbeReport } from '../../src/cli/format-probe.ts';
import { openImageProbe } from '../../src/cli/image-probe.ts';
import { image, type ImageOptions } from '../../src/cli/image.ts';
import { UsageError } from '../../src/cli/io.ts';
import { formatReference, type ImageReference } from '../../src/image/reference.ts';
import type { ProbeImage, ProbeResult } from '../../src/registry/client/probe-image.ts';
import { capturedIo } from '../support/captured-io.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { replaceBehind, UPDATES_DOCS } from '../support/update-docs.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

async function run(addresses: readonly string[], options: Partial<ImageOptions> = {}, stdin = '') {
  const io = capturedIo({ stdin });
  const code = await image(addresses, { output: 'text', ...options }, io);
  return { code, ...io.printed };
}

describe('from standard input', () => {
  const images = async (stdin: string): Promise<readonly unknown[]> => {
    const { stdout } = await run(['-'], { output: 'json' }, stdin);
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { image: string }).image]));
  };

  test.each<[what: string, stdin: string, found: readonly string[]]>([
    ['lines, comments among them', '# ours\nnginx:1\n\n  # theirs\nredis:7\r\n', ['nginx:1', 'redis:7']],
    [
      'what an event says',
      'Failed to pull image "ngnix:1": rpc error: code = NotFound\nredis:7\n',
      ['ngnix:1', 'redis:7'],
    ],
    ['what a log says of it', String.raw`msg="PullImage \"ngnix:1\" failed"`, ['ngnix:1']],
    ['what is no failure', 'Pulling image "nginx:1"\n', ['nginx:1']],
    [
      'a table of kubectl, with each image once',
      `LAST SEEN   TYPE      REASON    OBJECT      MESSAGE
2m          Warning   Failed    pod/web-1   Failed to pull image "ngnix:1": not found
1m          Warning   Failed    pod/web-2   Failed to pull image "ngnix:1": not found
1m          Normal    BackOff   pod/api-1   Back-off pulling image "redsi:7"
`,
      ['ngnix:1', 'redsi:7'],
    ],
    [
      'a table of Events of pulls that went well',
      `LAST SEEN   TYPE     REASON    OBJECT      MESSAGE
2m          Normal   Pulling   pod/web-1   Pulling image "nginx:1.25"
2m          Normal   Pulled    pod/web-1   Successfully pulled image "nginx:1.25" in 1.2s (1.2s including waiting). Image size: 71 bytes.
2m          Normal   Pulled    pod/web-2   Container image "redis:7" already present on machine
1m          Normal   Created   pod/web-2   Created container: web
`,
      ['nginx:1.25', 'redis:7'],
    ],
    [
      'an Event as JSON of a pull that went well',
      JSON.stringify({
        kind: 'Event',
        involvedObject: { kind: 'Pod', name: 'a' },
        reason: 'Pulled',
        message: 'Successfully pulled image "nginx:1.25" in 1.2s',
      }),
      ['nginx:1.25'],
    ],
    [
      'Events as JSON',
      JSON.stringify({
        kind: 'List',
        items: [
          {
            kind: 'Event',
            involvedObject: { kind: 'Pod', name: 'a' },
            reason: 'Failed',
            message: 'Failed to pull image "ngnix:1": x',
          },
        ],
      }),
      ['ngnix:1'],
    ],
  ])('%s', async (_what, stdin, found) => {
    expect(await images(stdin)).toEqual(found);
  });

  test('an argument that is an event stands for its image', async () => {
    expect((await run(['Back-off pulling image "NGINX:1"'])).stdout).toContain('"NGINX:1"\n  invalid ');
    expect((await run(['a b'])).stdout).toContain('"a b"\n  invalid ');
    for (const event of [
      'Successfully pulled image "NGINX:1" in 1.2s (1.2s including waiting). Image size: 71 bytes.',
      '2m  Normal  Pulled  pod/web-1  Container image "NGINX:1" already present on machine',
      String.raw`"message": "Container image \"NGINX:1\" is not present with pull policy of Never"`,
      "Removed image 'NGINX:1' to free 71 bytes",
      'Error: image “NGINX:1” not found',
    ])
      expect((await run([event])).stdout).toContain('"NGINX:1"\n');
  });
});

test('with colors where they are wanted, the same text', async () => {
  const plain = (await run(['NGINX', 'nginx'])).stdout;
  vi.stubEnv('FORCE_COLOR', '1');
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const { stdout } = await run(['NGINX', 'nginx']);
  expect(stdout).toContain('\u001b[31minvalid');
  expect(stripVTControlCharacters(stdout)).toBe(plain);
  expect((await run(['NGINX'], { output: 'json' })).stdout).not.toContain('\u001b');
});

describe('for people', () => {
  test('an address is taken apart, and what the policy makes of it is told', async () => {
    const { write } = tempFolder();
    const config = write(
      'policy.yaml',
      'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\nmirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/hub }]\n',
    );
    const { code, stdout } = await run(['nginx', `ghcr.io/a/b:1@${DIGEST}`], { config });
    expect(stdout).toBe(`"nginx"
  registry    docker.io (Docker Hub)
  repository  library/nginx
  tag         latest (default)
  mirror      swr.eu-de.otc.t-systems.com/hub/library/nginx
  pull secret default-secret
"ghcr.io/a/b:1@${DIGEST}"
  registry    ghcr.io
  repository  a/b
  tag         1
  digest      ${DIGEST}
`);
    expect(code).toBe(0);
  });

  test('an address that is wrong is told with the reason, its code and what was meant', async () => {
    const { code, stdout } = await run(['NGINX:1.25']);
    expect(stdout).toBe(`"NGINX:1.25"
  invalid     repository name must be lowercase (uppercase)
  did you mean nginx:1.25
`);
    expect(code).toBe(1);
  });

  test('one that is only odd is told as odd, and is fine', async () => {
    const { code, stdout } = await run(['registry.example.com:5000']);
    expect(stdout).toMatch(/\n {2}suspicious {2}image is read as "registry\.example\.com"/);
    expect(code).toBe(0);
  });

  test('an address that would repaint the terminal is shown and not obeyed', async () => {
    const { stdout } = await run(['a\u001b[2J\nregistry    good.example']);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(stdout).not.toMatch(/^ *registry/m);
  });
});

describe('the exit code says whether a runtime would take them all', () => {
  test.each<[addresses: readonly string[], code: number]>([
    [['nginx'], 0],
    [['nginx', 'NGINX', 'redis'], 1],
    [[''], 1],
    [['-'], 0],
  ])('%j: %i', async (addresses, code) => {
    expect((await run(addresses)).code).toBe(code);
  });
});

describe('-o json', () => {
  test('is one object a line, with exactly the keys that are promised', async () => {
    const { code, stdout } = await run(['nginx:1', 'NGINX'], { output: 'json' });
    expect(stdout.split('\n')).toEqual([
      '{"image":"nginx:1","valid":true,"registry":"docker.io","repository":"library/nginx","tag":"1","digest":null,"dockerHub":true,"pullSecret":null,"mirror":null}',
      '{"image":"NGINX","valid":false,"problem":{"code":"uppercase","message":"repository name must be lowercase","suggestion":"nginx"},"registry":null,"repository":null,"tag":null,"digest":null,"dockerHub":false,"pullSecret":null,"mirror":null}',
      '',
    ]);
    expect(code).toBe(1);
  });
});

describe('standard input', () => {
  test('holds an address a line; empty lines are none, white space around one is part of it', async () => {
    const stdin = 'nginx\r\n\r\nredis:7\n\n ghcr.io/a/b\n  \nc\u2028d\r\nlast';
    const { code, stdout } = await run(['-'], { output: 'json' }, stdin);
    const images = stdout.split('\n').slice(0, -1);
    expect(images.map((line) => (JSON.parse(line) as { image: string }).image)).toEqual([
      'nginx',
      'redis:7',
      ' ghcr.io/a/b',
      '  ',
      'c\u2028d',
      'last',
    ]);
    expect(code).toBe(1);
  });

  test('does not mix with addresses, as nobody would know which come first', async () => {
    await expect(run(['nginx', '-'])).rejects.toThrow(
      new UsageError('"-" reads image references from standard input: give it alone'),
    );
  });

  test('that cannot be read is misuse, not a bug', async () => {
    const io = {
      ...capturedIo(),
      readStdin: () => Promise.reject(new Error('it is not UTF-8 text; save it as UTF-8')),
    };
    await expect(image(['-'], { output: 'text' }, io)).rejects.toThrow(
      new UsageError('standard input cannot be read: it is not UTF-8 text; save it as UTF-8'),
    );
  });
});

describe('--probe', () => {
  const OK: ProbeResult = {
    answer: { endpoint: 'r.example.com:443', outcome: 'ok', digest: DIGEST, sizes: [], platforms: undefined },
  };
  const MISSING: ProbeResult = {
    answer: { endpoint: 'r.example.com:443', outcome: 'failed', cause: 'image-not-found' },
  };
  const NOT_ASKED: ProbeResult = { notAsked: { why: 'bug', error: 'TypeError' } };

  type Answer = (address: string) => ProbeResult | Promise<ProbeResult>;

  /** Runs the command with registries that answer so, and keeps the addresses that they were asked about. */
  async function probe(
    addresses: readonly string[],
    answer: Answer,
    { output = 'text', ...options }: Partial<ImageOptions> = {},
  ) {
    const io = capturedIo();
    const asked: string[] = [];
    const opened: (string | undefined)[] = [];
    const ask = async (reference: ImageReference): Promise<ProbeReport> => {
      asked.push(formatReference(reference));
      const result = await answer(formatReference(reference));
      return { reference, result, login: undefined, pullSecret: undefined, note: undefined, answeredAt: 0 };
    };
    const code = await image(addresses, { output, probe: true, ...options }, io, async (_policy, dockerConfig) => {
      opened.push(dockerConfig);
      return Promise.resolve(ask);
    });
    return { code, asked, opened, ...io.printed };
  }

  const mirrored = (): string =>
    tempFolder().write(
      'policy.yaml',
      'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\nmirrors: [{ from: docker.io, to: mirror.example.com/hub }]\n',
    );

  test('what registries say stands below what the address means', async () => {
    const { stdout } = await probe(['r.example.com/app:1'], () => OK);
    expect(stdout).toBe(`"r.example.com/app:1"
  registry    r.example.com
  repository  app
  tag         1
  pullable    yes
  answered    r.example.com:443, asked anonymously
  digest      ${DIGEST}
`);
  });

  test('the address that pods would get is asked about, and the output says so', async () => {
    const { asked, stdout } = await probe(['nginx:1', 'r.example.com/app:1'], () => OK, { config: mirrored() });
    expect(asked).toEqual(['mirror.example.com/hub/library/nginx:1', 'r.example.com/app:1']);
    expect(stdout.match(/answered .* \(mirror\), asked anonymously/g)).toHaveLength(1);
  });

  test('nobody is asked about an address that is wrong', async () => {
    const { asked, stdout, code } = await probe(['NGINX', 'https://r.example.com/app'], () => OK);
    expect(asked).toEqual([]);
    expect(stdout).not.toContain('pullable');
    expect(code).toBe(1);
  });

  test.each<[what: string, addresses: readonly string[], answer: ProbeResult, code: number]>([
    ['all can be pulled', ['a.example.com/a', 'a.example.com/b'], OK, 0],
    ['one is wrong', ['a.example.com/a', 'A.example.com/B'], OK, 1],
    ['one is not there', ['a.example.com/a'], MISSING, 1],
    ['one is not there, and is not made up for by the next', ['a.example.com/a', 'b.example.com/b'], MISSING, 1],
    ['nobody could say', ['a.example.com/a'], NOT_ASKED, 1],
  ])('the exit code says whether all can be pulled: %s', async (_what, addresses, answer, code) => {
    const answerOf = (address: string): ProbeResult => (address.startsWith('b.') ? OK : answer);
    expect((await probe(addresses, answerOf)).code).toBe(code);
  });

  test('-o json has it as a member, null for an address that is wrong', async () => {
    const { stdout } = await probe(['r.example.com/app:1', 'NGINX'], () => MISSING, { output: 'json' });
    const [asked, wrong] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { image: string; probe: object | null });
    expect(asked).toMatchObject({ image: 'r.example.com/app:1', probe: { pullable: false, outcome: 'not-found' } });
    expect(wrong).toMatchObject({ image: 'NGINX', probe: null });
  });

  test('the output is in the order of the addresses, and one that hangs holds up only a few behind it', async () => {
    const addresses = Array.from({ length: 20 }, (_, at) => `r.example.com/app-${at}`);
    let atOnce = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const { stdout, asked } = await probe(addresses, async () => {
      most = Math.max(most, (atOnce += 1));
      // Those asked last are answered first.
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        setImmediate(() => waiting.pop()?.());
      });
      atOnce -= 1;
      return OK;
    });
    expect([...stdout.matchAll(/^"(.*)"$/gm)].map(([, address]) => address)).toEqual(addresses);
    expect(asked).toEqual(addresses);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  test('the docker config is handed on; without --probe it would do nothing, which is misuse', async () => {
    expect((await probe(['nginx'], () => OK, { dockerConfig: 'config.json' })).opened).toEqual(['config.json']);
    await expect(run(['nginx'], { dockerConfig: 'config.json' })).rejects.toThrow(
      new UsageError('--docker-config is only used with --probe: add --probe, or leave out --docker-config'),
    );
  });
});

describe('what docs/image.md shows is what is printed', () => {
  const page = readFileSync(new URL('../../docs/image.md', import.meta.url), 'utf8');
  const samples = [...page.matchAll(/^```text\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
  const HOST = 'harbor.example.com';
  const endpoint = `${HOST}:443`;
  const digest = /digest +(\S+)/.exec(samples.join(''))?.[1] ?? '';

  /** A registry that has one tag, and gives it to who logs in. */
  const probeImage: ProbeImage = async ({ reference, credentials }) => {
    const sizes = [
      { platform: 'linux/amd64', bytes: 12_900_000 },
      { platform: 'linux/arm64', bytes: 12_500_000 },
    ];
    const found =
      reference.tag === '1.4'
        ? ({ outcome: 'ok', digest, sizes, platforms: undefined } as const)
        : ({ outcome: 'failed', cause: 'image-not-found' } as const);
    const refused = { outcome: 'failed', cause: 'credentials-missing' } as const;
    return Promise.resolve({ answer: { endpoint, ...(credentials === undefined ? refused : found) } });
  };

  async function show(address: string, isLoggedIn: boolean): Promise<string> {
    const { write } = tempFolder();
    const head = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';
    const config = write('policy.yaml', `${head}registries: [{ hosts: [${HOST}], pullSecret: harbor }]\n`);
    const dockerConfig = write('config.json', `{"auths":{"${HOST}":{"username":"u","password":"p"}}}`);
    const io = capturedIo();
    const options = { output: 'text', probe: true, ...(isLoggedIn ? { dockerConfig } : { config }) } as const;
    await image([address], options, io, async (policy, logins) =>
      Promise.resolve(openImageProbe({ policy, dockerConfig: logins }, probeImage)),
    );
    return io.printed.stdout;
  }

  test.each(samples.map((sample) => [sample.split('\n')[0] ?? '', /pullable +(\w+)/.exec(sample)?.[1], sample]))(
    '%s: %s',
    async (quoted, _pullable, sample) => {
      const printed = await show(quoted.slice(1, -1), !sample.includes('anonymously'));
      if (UPDATES_DOCS) replaceBehind(new URL('../../docs/image.md', import.meta.url), '', sample, printed);
      else expect(printed).toBe(sample);
    },
  );

  test('in more than one sample', () => {
    expect(samples.length).toBeGreaterThan(2);
  });
});
