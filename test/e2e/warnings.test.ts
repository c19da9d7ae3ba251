import { expect, test } from 'vitest';
import { MIRROR, POLICY, useCluster, usePullguard } from './fixture.ts';
import { warningsIn } from './kubectl.ts';
import { make, type Container } from './objects.ts';

const cluster = useCluster('warnings');
const { call, apply } = cluster;
usePullguard(cluster, { policy: { ...POLICY, rules: { 'reference-valid': 'warn', 'tag-explicit': 'warn' } } });

/** The limits of the API server: above the first, in all, every warning is cut to the second and what follows is dropped. */
const MAX_TOTAL = 4096;
const MAX_WARNING = 256;

test('a warning reaches kubectl as it left pullguard, and once', async () => {
  const { warnings, status } = await call('POST', 'deployments?dryRun=All', make('Deployment', 'once', 'NGINX:1.25'));
  expect(status).toBe(201);
  expect(warnings).toEqual([
    'Deployment/once container "app": "NGINX:1.25": InvalidImageName: repository name must be lowercase; did you mean "nginx:1.25"? (reference-valid)',
  ]);
  expect(warningsIn(await apply(make('Deployment', 'once', 'NGINX:1.25')))).toEqual(warnings);
});

test('a pod is warned about once, though two webhooks see it', async () => {
  const { warnings } = await call('POST', 'pods?dryRun=All', make('Pod', 'once', 'nginx'));
  expect(warnings).toEqual([
    `notice: Pod/once container "app": replaced "nginx" with the mirror's "${MIRROR}/library/nginx" (mirror-used)`,
    expect.stringMatching(/added imagePullSecret "default-secret" .*\(pull-secret-present\)$/),
    expect.stringMatching(/has no tag and no digest.*\(tag-explicit\)$/),
  ]);
});

test.each([
  ['a line break', 'nginx\n:1.25', '\\n'],
  ['a bell', 'nginx:1.25\u0007', '\\u0007'],
  ['an escape sequence', '\u001b[31mnginx:1.25\u001b[0m', '\\u001b'],
  ['a C1 control character', 'nginx:\u0085', '\\u0085'],
  ['a character that turns the text round', 'nginx:\u202e1.25', '\\u202e'],
  ['a quotation mark and a backslash', 'nginx:"1\\25"', '\\"1\\\\25\\"'],
  ['letters of other scripts', 'ngіnx:１', 'ngіnx:１'],
  ['an emoji', 'nginx:🚀', '🚀'],
])('a warning about an address with %s is not lost', async (_what, image, shown) => {
  const applied = await apply(make('Deployment', 'odd', image), '--dry-run=server');
  const warnings = warningsIn(applied);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(shown);
});

test('a warning about an address without end is short and whole', async () => {
  for (const image of ['x'.repeat(10_000), 'A'.repeat(10_000), `nginx:${'1:'.repeat(5000)}`, '\u0001'.repeat(5000)]) {
    const { warnings } = await call('POST', 'deployments?dryRun=All', make('Deployment', 'endless', image));
    expect(warnings).not.toHaveLength(0);
    for (const warning of warnings) expectWhole(warning);
  }
});

test('of 20 bad containers as many are told as the API server lets through, all whole, and that there are more', async () => {
  const { warnings } = await call(
    'POST',
    'deployments?dryRun=All',
    make('Deployment', 'many', { containers: makeBad(20) }),
  );
  expect(warnings).toHaveLength(16);
  for (const warning of warnings.slice(0, -1)) expectWhole(warning);
  expect(warnings.at(-1)).toBe(
    '5 more warnings from pullguard: run pullguard check to list those that need no cluster',
  );
  expect(countRunes(warnings.join(''))).toBeLessThanOrEqual(MAX_TOTAL);
  expect(warningsIn(await apply(make('Deployment', 'many', { containers: makeBad(20) })))).toEqual(warnings);
});

test('a pod with 20 containers is warned about by both webhooks, and neither pushes the other out', async () => {
  const image = `${'hub/'.repeat(20)}app`;
  const containers = Array.from({ length: 20 }, (_, at) => ({ name: `app-${at}`, image: `${image}-${at}` }));
  const { warnings, status } = await call('POST', 'pods?dryRun=All', make('Pod', 'many', { containers }));
  expect(status).toBe(201);
  const whole = warnings.filter((warning) => !/^(?:notice: )?\d+ more (?:warnings|notices)/.test(warning));
  for (const warning of whole) expectWhole(warning);
  for (const rule of ['(mirror-used)', '(tag-explicit)']) {
    expect(whole.filter((warning) => warning.endsWith(rule))).toHaveLength(7);
  }
});

test('a name of 253 characters leaves room for what is wrong', async () => {
  const name = Array.from({ length: 4 }, () => 'n'.repeat(62)).join('.');
  const { warnings } = await call('POST', 'deployments?dryRun=All', {
    ...make('Deployment', 'long', 'NGINX:1.25'),
    metadata: { name },
  });
  const ours = warnings.filter((warning) => warning.endsWith('(reference-valid)'));
  expect(ours).toEqual([expect.stringContaining('did you mean "nginx:1.25"?')]);
});

function makeBad(count: number): readonly Container[] {
  return Array.from({ length: count }, (_, at) => ({ name: `app-${at}`, image: `App-${at}:${'1'.repeat(100)}` }));
}

/** It ends with its rule, so nobody has cut it. */
function expectWhole(warning: string): void {
  expect(warning).toMatch(/\([a-z]+-[a-z-]+\)$/);
  expect(countRunes(warning)).toBeLessThanOrEqual(MAX_WARNING);
}

/** As the API server counts. */
function countRunes(text: string): number {
  return Array.from(text).length;
}
