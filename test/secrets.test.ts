import fc from 'fast-check';
import { expect, test } from 'vitest';
import { admit } from '../src/admission/admit.ts';
import { readNotices } from '../src/admission/notices.ts';
import { respond } from '../src/admission/review.ts';
import { readReview, type AdmissionReview } from '../src/admission/review.ts';
import { formatCheckJson, formatCheckText } from '../src/cli/format-check.ts';
import { image } from '../src/cli/image.ts';
import { hideCredentials } from '../src/cli/io.ts';
import { parseReference } from '../src/image/parse-reference.ts';
import { readDockerConfig } from '../src/pull/docker-config.ts';
import { loadPolicy } from '../src/rules/policy.ts';
import { formatScanJson, formatScanText } from '../src/scan/format-scan.ts';
import { createTally } from '../src/scan/tally.ts';
import { logDecision } from '../src/serve/decide.ts';
import { quote } from '../src/text/quote.ts';
import { redact } from '../src/text/redact.ts';
import { findKind } from '../src/workload/kinds.ts';
import { HEX64 } from './image/arbitraries.ts';
import { NOW } from './support/facts.ts';
import { capturedIo } from './support/captured-io.ts';
import { pod } from './support/objects.ts';
import { policyOf } from './support/policies.ts';
import { collectLog, reviewOf } from './serve/helpers.ts';

const POLICY = policyOf(
  'mirrors: [{ from: docker.io, to: mirror.example.com/hub }]',
  'rules: { reference-valid: deny, mirror-used: { action: warn, fix: true }, tag-explicit: warn }',
);

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const percent = (text: string): string =>
  Array.from(text, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
const wide = (text: string): string => text.replaceAll(/[!-~]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0));

/** Shapes in which a secret comes into an image, a name or a policy. */
const SHAPES: readonly ((secret: string) => string)[] = [
  // Objects that a template printed: of Go, JSON, YAML, Python, Ruby, PHP, PowerShell, XML.
  (s) => `map[password:${s} username:u]`,
  (s) => `registry.example.com/map[a:${s}]:1.0`,
  (s) => `a.b/app:map[h:map[x:${s}]]`,
  (s) => `%!s(map[string]interface {}=map[p:${s}])`,
  (s) => `map[interface {}]interface {}{"p":"${s}"}`,
  (s) => `&{u ${s}}`,
  (s) => `&{${s}}`,
  (s) => `{${s} u}`,
  (s) => `[{u ${s} }]`,
  (s) => `{{u ${s}} h}`,
  (s) => `main.Auth{User:"u", X:"${s}"}`,
  (s) => `{Username:u X:${s}}`,
  (s) => `{"auths":{"h":{"auth":"${s}"}}}`,
  (s) => `a.b/{"auths":{"h":{"auth":"${s}"}}}/app`,
  (s) => `"{\\"auths\\":{\\"h\\":{\\"x\\":\\"${s}\\"}}}"`,
  (s) => `{"x":"${s}`,
  (s) => `u ${s}} h}`,
  (s) => `{x: ${s}, user: u}`,
  (s) => `{'x': '${s}'}`,
  (s) => `['u', '${s}']`,
  (s) => `('u', '${s}')`,
  (s) => `[u ${s}]`,
  (s) => `Secret(x='${s}')`,
  (s) => `{:x=>"${s}"}`,
  (s) => `#<Auth:0x01 @x="${s}">`,
  (s) => `Array ( [x] => ${s} )`,
  (s) => `@{x=${s}; user=u}`,
  (s) => `<auth><x>${s}</x></auth>`,
  (s) => percent(`{"x":"${s}"}`),
  (s) => wide(`map[x:${s}]`),
  // Queries and fragments.
  (s) => `https://h/app?access_token=${s}`,
  (s) => `h.io/app?${s}`,
  (s) => `h.io/app#${s}`,
  (s) => `h.io/app?x=a@${s}.io/app`,
  (s) => `h/app%3Fx%3D${s}`,
  // User infos, encoded.
  (s) => `user:${s}@h.io/app`,
  (s) => `user%3A${s}%40h.io/app`,
  (s) => `user%25253A${s}%252540h.io/app`,
  (s) => percent(`user:${s}@h.io/app`),
  (s) => `user：${s}＠h.io/app`,
  (s) => wide(`user:${s}@h.io/app`),
  (s) => `user\\u003a${s}\\u0040h.io/app`,
  (s) => `user&#58;${s}&#64;h.io/app`,
  (s) => `us\u200ber:${s}\u200b@h.io/app`,
  (s) => `u:${s}${'a'.repeat(2000)}@h.io/app`,
  // Commands and words.
  (s) => `docker login -u u -p ${s} h`,
  (s) => `docker login -u u -p${s} h`,
  (s) => `docker login -u u --password=${s} h`,
  (s) => `echo ${s} | docker login -u u --password-stdin h`,
  (s) => `skopeo copy --src-creds u:${s} docker://h/a`,
  (s) => `curl -u u:${s} https://h/v2/`,
  (s) => `kubectl create secret docker-registry r --docker-password=${s}`,
  (s) => `Authorization: Bearer ${s}`,
  (s) => `Authorization: Basic ${base64(`u:${s}`)}`,
  (s) => `token ${s}`,
  (s) => `password: ${s}`,
  (s) => `image: nginx\npassword: ${s}\n`,
  (s) => `REGISTRY_PASSWORD=${s}`,
  (s) => `dbPass=${s}`,
  (s) => `h/app;api_key=${s}`,
  (s) => `Password:${s}`,
  (s) => `username:u password:${s}]`,
  (s) => `密码：${s}`,
  (s) => `\${PASSWORD:-${s}}`,
  (s) => `{{ default "${s}" .Values.password }}`,
  (s) => `$(echo ${s} | base64)`,
  // What is a secret by its form.
  (s) => `A.b/app:ghp_${s}`,
  (s) => `Glpat:glpat-${s}`,
  (s) => `AKIA${s.toUpperCase()}:${s}`,
  (s) => `App:eyJhbGciOiJIUzI1NiJ9.${s}.${s}`,
  (s) => base64(`user:${s}`),
  (s) => `A.b/${base64(`user:${s}`)}/app`,
  (s) => base64(`{"auths":{"h":{"auth":"${base64(`u:${s}`)}"}}}`),
];

const secret = fc.stringMatching(/^Zq[A-Za-z0-9]{8,16}7x$/);
const plantedIn = (shape: fc.Arbitrary<(secret: string) => string>) =>
  fc
    .record({
      secret,
      shape,
      before: fc.constantFrom('', '', ' ', '"', 'image: ', '- '),
      after: fc.constantFrom('', '', ' ', '"', '\n', ' nginx'),
    })
    .map(({ secret, shape, before, after }) => ({ secret, written: before + shape(secret) + after }));

/** Everything that is printed of an image, wherever it is printed. */
async function printImage(written: string): Promise<readonly string[]> {
  const object = pod(written, { initContainers: [{ name: written, image: written }] });
  const annotated = { ...object, metadata: { name: 'web', annotations: { 'pullguard.dev/skip': written } } };
  const review = readReview(reviewOf(annotated));
  if (!review.ok) throw new Error(review.problem);
  const kind = findKind(POLICY.kinds, '', 'Pod');
  if (kind === undefined) throw new Error('no pods');
  const admission = admit(review.review.request, 'mutate', POLICY, { facts: {}, now: NOW });
  const found = {
    findings: admission.findings.map((each) => ({ ...each, file: 'a.yaml', line: 1, column: 1 })),
    errors: [],
    counts: { workloads: 1, exempt: 0, otherObjects: 0, foreign: 0 },
    skipped: [],
  };
  const tally = createTally(POLICY, {}, NOW);
  tally.add(annotated, kind);
  const { groups, skipped, counts } = tally.finish();
  const scanned = { groups, skipped, counts, errors: [], notServed: [], unknown: [] } as never;
  const [text, json] = [capturedIo(), capturedIo()];
  await image([written], { output: 'text' }, text);
  await image([written], { output: 'json' }, json);
  return [
    ...printReview(review.review, admission),
    [...formatCheckText({ result: found }, false)].join(''),
    [...formatCheckJson({ result: found })].join(''),
    formatScanText(scanned, false),
    formatScanJson(scanned, []),
    text.printed.stdout,
    json.printed.stdout,
  ];
}

function printReview(review: AdmissionReview, admission: ReturnType<typeof admit>): readonly string[] {
  const { logger, lines } = collectLog();
  logDecision(logger, { endpoint: 'mutate', request: review.request, outcome: 'denied', seconds: 1, admission });
  const { response } = respond(review, admission);
  const patch = Buffer.from(response.patch ?? '', 'base64').toString();
  return [
    JSON.stringify(response),
    patch,
    JSON.stringify(lines),
    JSON.stringify(readNotices(review.request, admission)),
  ];
}

/** What is printed of a text that stands elsewhere. */
function printElsewhere(written: string): readonly string[] {
  const head = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';
  const text = JSON.stringify(written);
  const policies = [
    `mirrors: [{ from: ${text}, to: mirror.example.com }]`,
    `registries: [{ hosts: [${text}], pullSecret: a, probe: true }]`,
    `rules: { ${text}: warn, tag-explicit: ${text} }`,
    `probe: { timeout: ${text} }`,
    `${text}: 1`,
  ].map((body) => messageOf(() => loadPolicy(head + body, 'policy.yaml')));
  const entries = new Map<string, unknown>();
  const config = readDockerConfig(
    JSON.stringify({ auths: { [written]: { auth: 1 } } }),
    entries as never,
    (() => 0) as never,
  );
  return [
    ...policies,
    JSON.stringify(config),
    hideCredentials(`error: unknown command '${written}'\n(run with --help for usage)`),
    hideCredentials(`error: option '--port <number>' argument '${written}' is invalid. must be a port`),
  ];
}

function messageOf(load: () => unknown): string {
  try {
    load();
    return '';
  } catch (error) {
    return String(error);
  }
}

test('no output holds a secret, in whatever shape it was written', async () => {
  for (const [at, shape] of SHAPES.entries()) {
    await fc.assert(
      fc.asyncProperty(plantedIn(fc.constant(shape)), async ({ secret, written }) => {
        const shown = [...(await printImage(written)), ...printElsewhere(written)];
        const found = shown.filter((text) => text.normalize('NFKC').toLowerCase().includes(secret.toLowerCase()));
        expect(found).toEqual([]);
        expect(shown.filter((text) => text.includes(base64(`user:${secret}`).slice(0, 16)))).toEqual([]);
      }),
      // Another one for each, or all would have the same secret between the same signs.
      { numRuns: 3, seed: at },
    );
  }
}, 90_000);

test('what was redacted is redacted', () => {
  fc.assert(
    fc.property(plantedIn(fc.constantFrom(...SHAPES)), ({ written }) => {
      expect(redact(redact(written))).toBe(redact(written));
    }),
    { seed: 10 },
  );
});

/** Addresses that a secret's name is a part of, or that have a slip that is no secret. */
test.each([
  ...['NGINX:1.25', 'nginx:password-reset', 'registry.example.com/team/token-service:1.2', 'secret-operator/secret:1'],
  ...[
    'password:1',
    'auth:1.25.3',
    'Registry.Example.com/Team/Token:1.0',
    `a.b/secret:1@sha256:${HEX64}`,
    ` ghcr.io/a/key:v1\n`,
  ],
  ...['ghcr.io/org/auth:latest@sha256:abc', 'ghcr.io/org/token:1.25+b1', 'a.b/auth:feature/x', 'https://a.b/token:1'],
  ...[
    'registry.example.com/auth:${TAG}',
    '${REGISTRY}/secret:${TAG:-latest}',
    '{{ .Values.registry }}/token:{{ .Values.tag }}',
  ],
  ...[
    '{{ .Values.image.tag | default "1.0" }}',
    'token:$TAG',
    '<registry>/token:<tag>',
    '${{ secrets.TOKEN }}/app',
    '%!s(<nil>)/a',
  ],
  ...[
    'docker pull ghcr.io/org/token:1',
    '- image: ghcr.io/org/auth:latest',
    'nginx:1.25 redis:7',
    '[2001:db8::1]:5000/a:1',
  ],
  ...[
    `a.b/app:${HEX64.slice(0, 40)}`,
    'a.b/App:V1.2.3-RC1.Final',
    'docker run -p 8080:80 nginx',
    'gсr.io/app',
    '*.example.com',
  ],
])('%j is shown in full', (written) => {
  expect(redact(written)).toBe(written);
});

test('a suggestion holds nothing of what was redacted', () => {
  const suggest = (written: string): string | undefined => {
    const parsed = parseReference(written);
    return parsed.ok ? undefined : parsed.problem.suggestion;
  };
  expect(suggest('user%3Apw%40registry.example.com/App')).toBe('registry.example.com/app');
  expect(suggest('user：pw＠registry.example.com/app')).toBe('registry.example.com/app');
  expect(suggest('registry.example.com/app?token=pw@a.io/app')).toBeUndefined();
  expect(suggest('nginx 1.25 password=pw')).toBeUndefined();
});

test('an endless text is not shown, unless it is plain', () => {
  expect(quote(`user:${'x'.repeat(1e6)}@a.b/c`)).toBe('"…"');
  expect(quote(`a.b/${'x'.repeat(1e6)}`)).toMatch(/^"a\.b\/x+…x+"$/);
});
