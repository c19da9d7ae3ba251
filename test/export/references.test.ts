import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CAUSE_ROWS, describeCause } from '../../src/export/causes-cel.ts';
import { isNamespaceIn, isOfHosts } from '../../src/export/cel.ts';
import { isSurelyFine } from '../../src/export/clean-reference.ts';
import { addressOnMirror, pullSecretOf } from '../../src/export/images-cel.ts';
import {
  fitsLength,
  fullAddress,
  hasDigest,
  hasRegistry,
  hasTag,
  isReference,
} from '../../src/export/reference-cel.ts';
import { matchHostPattern, parseHostPattern, toHostTarget } from '../../src/image/host-pattern.ts';
import { findSuspicions, parseReference } from '../../src/image/parse-reference.ts';
import { fitsLength as fits, formatReference, readReference, splitReference } from '../../src/image/reference.ts';
import { findMirror, findPullSecret } from '../../src/policy/policy.ts';
import { matchGlob, parseGlob } from '../../src/text/glob.ts';
import { IMAGES } from '../e2e/native-objects.ts';
import { slippedAddress, validAddress } from '../image/arbitraries.ts';
import { evaluateCel } from '../support/cel.ts';
import { policyOf } from '../support/policies.ts';

/** Around every limit of a name. */
const LONG: readonly string[] = [246, 247, 248, 254, 255, 256, 257, 4000, 4096, 4097].flatMap((length) => {
  const word = 'a'.repeat(length);
  return [
    ...[
      word,
      `${word}:1`,
      `org/${word.slice(4)}`,
      `docker.io/${word}`,
      `index.docker.io/${word}:1`,
      `registry-1.docker.io/${word}`,
    ],
    ...[
      `registry.hub.docker.com/${word}:1`,
      `a.b/${word}`,
      `a.b:1/c/${word.slice(2)}`,
      `localhost/${word}`,
      `my_host.local/${word.slice(14)}`,
    ],
    ...[`my_host.local/${word.slice(13)}`, `${word}/b`, `${word}.b/c`, `a.b/c:${word.slice(127)}`],
  ];
});

const image = fc.oneof(validAddress, slippedAddress, fc.constantFrom(...IMAGES, ...LONG));

const RUNS = { numRuns: 1000 };

test('CEL takes the same references as the engine for valid', () => {
  for (const written of [...IMAGES, ...LONG]) {
    expect([written, evaluateCel(isReference('image'), { image: written })]).toEqual([
      written,
      readReference(written) !== undefined,
    ]);
  }
  fc.assert(
    fc.property(
      image,
      (written) => evaluateCel(isReference('image'), { image: written }) === (readReference(written) !== undefined),
    ),
    RUNS,
  );
});

test('CEL reads the same of a reference as the engine', () => {
  const read = (written: string): unknown =>
    evaluateCel(`[${[fullAddress('image'), hasRegistry('image'), hasDigest('image'), hasTag('image')].join(', ')}]`, {
      image: written,
    });
  fc.assert(
    fc.property(image, (written) => {
      const reference = readReference(written);
      fc.pre(reference !== undefined);
      const { domain } = splitReference(written);
      const expected = [formatReference(reference), domain !== undefined, reference.digest !== undefined];
      expect([written, ...(read(written) as unknown[]).slice(0, 3)]).toEqual([written, ...expected]);
      // The tag counts only where there is no digest.
      if (reference.digest === undefined) expect((read(written) as unknown[])[3]).toBe(reference.tag !== undefined);
    }),
    RUNS,
  );
});

describe('host patterns and globs', () => {
  const PATTERNS = [
    ...[
      'docker.io',
      'docker.io/library',
      'index.docker.io',
      'quay.io/te',
      'localhost',
      'localhost:5000',
      '*.io',
      'quay.*',
      '*.*',
      '?uay.io',
    ],
    ...[
      '*.corp.example.com:5000/team',
      'r[1-3].reg.example.com',
      'r[^1].reg.example.com',
      '10.0.0.?:5000',
      '[::1]:5000',
      '[2001:db8::1]',
    ],
    ...[
      '*:5000',
      '[a-z]*.example.com',
      'swr.*.*.otc.t-systems.com',
      String.raw`a\*.b`,
      '[!-~].b',
      'my_host.local',
      '[*]:5000',
    ],
  ];

  test.each(PATTERNS)('%s matches the same images', (text) => {
    const pattern = parseHostPattern(text);
    expect(pattern).toBeDefined();
    for (const written of [
      ...IMAGES,
      'b:5000/a',
      'a.b/c',
      'ab.b/c',
      '[::2]:5000/a',
      'r9.reg.example.com/x',
      'quay.io/tea',
      'quay.io/te:1',
    ]) {
      const reference = readReference(written);
      if (reference === undefined) continue;
      const found = evaluateCel(isOfHosts([pattern!], 'f'), { f: formatReference(reference) });
      expect([written, found]).toEqual([written, matchHostPattern(pattern!, toHostTarget(reference))]);
    }
  });

  test.each(['kube-system', 'sys-*', '*', 'team-?', 'team-[ab]', 'team-[^a-f]', '*-system'])(
    '%s matches the same namespaces',
    (text) => {
      const glob = parseGlob(text)!;
      for (const namespace of [
        'kube-system',
        'sys',
        'sys-',
        'sys-a',
        'team-a',
        'team-b',
        'team-z',
        'team-ab',
        'default',
        'x-system',
        '',
      ]) {
        const found = evaluateCel(isNamespaceIn([glob], 'namespace'), { namespace });
        expect([namespace, found]).toEqual([namespace, matchGlob(glob, namespace)]);
      }
    },
  );
});

test('an image has the same mirror and pull secret, and the first that matches', () => {
  const policy = policyOf(
    'mirrors:',
    '  - { from: quay.io/team, to: harbor.example.com/quay }',
    '  - { from: quay.io, to: harbor.example.com }',
    '  - { from: docker.io/library, to: swr.eu-de.otc.t-systems.com/dockerhub }',
    'registries:',
    '  - { hosts: [harbor.example.com/quay] }',
    "  - { hosts: ['*.example.com', 'localhost:5000'], pullSecret: harbor }",
    "  - { hosts: ['r?.reg.example.com', '10.0.0.1'], pullSecret: other }",
  );
  const mirrors = policy.mirrors.map(({ from, to }) => ({
    from: `${from.registry}/${from.path === '' ? '' : `${from.path}/`}`,
    to: `${to.registry}/${to.path === '' ? '' : `${to.path}/`}`,
  }));
  fc.assert(
    fc.property(image, (written) => {
      const reference = readReference(written);
      fc.pre(reference !== undefined);
      const values = { f: formatReference(reference), variables: { mirrors } };
      const mirrored = findMirror(policy, reference);
      const expected = mirrored !== undefined && fits(mirrored) ? formatReference(mirrored) : '';
      expect([written, evaluateCel(addressOnMirror('f'), values)]).toEqual([written, expected]);
      expect(evaluateCel(fitsLength('f'), values)).toBe(true);
      expect([written, evaluateCel(pullSecretOf('f', policy.registries), values)]).toEqual([
        written,
        findPullSecret(policy, reference) ?? '',
      ]);
    }),
    RUNS,
  );
});

describe('the causes', () => {
  const explain = (written: string): string => String(evaluateCel(describeCause('image'), { image: written }));

  test('are those of the engine for what people write', () => {
    const invalid = IMAGES.flatMap((written) => {
      const parsed = parseReference(written);
      return parsed.ok ? [] : [[written, parsed.problem.code] as const];
    });
    expect(invalid.length).toBeGreaterThan(30);
    for (const [written, code] of invalid) {
      const said = explain(written).replace(/^InvalidImageName: /, '');
      const row = CAUSE_ROWS.find(({ message }) => message === said);
      expect([written, row?.code ?? 'malformed']).toEqual([written, code]);
    }
  });

  test('are never more than a sentence, and never name the image', () => {
    fc.assert(
      fc.property(slippedAddress, (written) => {
        const said = explain(written);
        expect(said).toMatch(/^InvalidImageName: [\x20-\x7e…]{5,150}$/);
        expect(
          CAUSE_ROWS.map(({ message }) => message).concat(
            'not an image reference',
            'image has more than 4096 characters',
          ),
        ).toContain(said.replace(/^InvalidImageName: /, ''));
      }),
      { numRuns: 500 },
    );
  });
});

test('what is surely fine is nothing that reference-valid would speak of, so that the webhook need not be called', () => {
  const isFine = (written: string): boolean => evaluateCel(isSurelyFine('image'), { image: written }) === true;
  const isQuiet = (written: string): boolean => {
    const { suspicion, move } = findSuspicions(written);
    return parseReference(written).ok && suspicion === undefined && move === undefined;
  };
  const suspicious = [
    ...[
      'hub.docker.com/_/nginx',
      'github.com/org/app:1',
      'dokcer.io/a:1',
      'qauy.io/a/b:1',
      'ghcr.io/app:1',
      'quay.io/app',
      'docker.io/a/b/c:1',
      'swr.eu-de.otc.t-systems.com/app:1',
      'swr.cn-north-4.myhuaweicloud.com/app',
    ],
    ...[
      'gallery.ecr.aws/nginx/nginx',
      'artifacthub.io/packages/helm/app',
      'eu-central-1.console.aws.amazon.com/ecr/repositories/app',
      'harbor.example.com/harbor/projects/3/repositories',
      'jfrog.example.com/ui/repos/tree/general',
    ],
    ...[
      'a/b/c:1',
      'bitnami/redis:7',
      'docker.io/bitnami/redis:7',
      'k8s.gcr.io/pause:3.9',
      'nginx:null',
      'nginx:your-tag',
      'nginx:latset',
      'todo',
    ],
    ...[
      'localhost:5000',
      'localhost',
      'sha256:abc',
      'app.tar:1',
      'registry.example.com:5000',
      'a.b:0/c',
      'a.b:99999/c',
      'ghcr.io/docker.io/a:1',
    ],
    ...[
      'nginx:4.5e-07',
      'nginx:4e-07',
      'nginx:1.',
      `nginx:${'a'.repeat(64)}`,
      'ORG/app:1',
      'a.b/v2/c/manifests/1',
      'a.b/v2',
      'quay.io/repository/a/b:1',
    ],
  ];
  for (const written of suspicious)
    expect([written, isQuiet(written), isFine(written)]).toEqual([written, false, false]);
  for (const written of [
    'nginx',
    'nginx:1.25-alpine',
    'org/app:v1.2.3',
    'quay.io/org/app:latest',
    'swr.eu-de.otc.t-systems.com/a/b:2024-01-02',
  ]) {
    expect([written, isFine(written)]).toEqual([written, true]);
  }
  fc.assert(
    fc.property(image, (written) => !isFine(written) || isQuiet(written)),
    RUNS,
  );
});
