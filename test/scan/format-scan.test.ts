import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { formatScanJson, formatScanText } from '../../src/scan/format-scan.ts';
import type { ScanResult } from '../../src/scan/scan-cluster.ts';
import type { Finding } from '../../src/engine/evaluate.ts';
import type { Owner } from '../../src/scan/tally.ts';
import { groupFindings } from '../../src/scan/tally.ts';
import { finding, missingField } from '../support/finding.ts';

const ownerOf = (kind: string, name: string, group = 'apps'): Owner => ({ group, kind, name });

const MIRRORED: Partial<Finding> = {
  rule: 'mirror-used',
  action: 'warn',
  value: 'nginx:1.25',
  message: 'comes from docker.io',
  remedy: 'Write the address of the image on the mirror.',
  fix: {
    edits: [],
    done: 'replaced',
    coming: 'the mirror\'s "swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25" instead of "nginx:1.25"',
    gives: '"swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25"',
  },
};

const EMPTY: ScanResult = {
  groups: [],
  waiting: { pods: [], refused: [] },
  errors: [],
  notServed: [],
  unknown: [],
  skipped: [],
  counts: { workloads: 0, pods: 0, unfixedPods: 0, leftOut: 0 },
  well: new Map(),
};

function resultOf(...added: readonly (readonly [Owner, 'template' | 'pod', ...Finding[]])[]): ScanResult {
  const groups = groupFindings();
  for (const [owner, place, ...findings] of added) {
    groups.add({ namespace: 'shop', owner, isPod: place === 'pod' }, findings);
  }
  return { ...EMPTY, groups: groups.list() };
}

const WEB = ownerOf('Deployment', 'web');

const RESULT: ScanResult = {
  ...resultOf(
    [ownerOf('Deployment', 'checkout'), 'template', finding(), finding({ label: 'container "api"' })],
    [WEB, 'template', finding({ ...MIRRORED, fixed: 'later' })],
    [WEB, 'pod', finding({ ...MIRRORED, fixed: 'now' })],
    [WEB, 'pod', finding({ ...MIRRORED, fixed: 'now' })],
    [ownerOf('Pod', 'debug', ''), 'pod', missingField({ label: 'container "app"', remedy: 'Name the pull secret.' })],
    [ownerOf('CronJob', 'dump', 'batch'), 'template', finding({ action: 'audit' })],
  ),
  errors: ['jobs.batch cannot be listed: forbidden; it takes the verb "list" on jobs.batch, in a ClusterRole'],
  notServed: ['Rollout.argoproj.io'],
  unknown: ['secrets may not be listed'],
  skipped: [{ rule: 'pull-secret-usable', missing: ['pullSecrets', 'serviceAccounts'] }],
  counts: { workloads: 41, pods: 97, unfixedPods: 2, leftOut: 12 },
};

const plain = (result: ScanResult): string => formatScanText(result, false);

describe('for people', () => {
  test('each owner has a block with its findings, the worst first, and each of its remedies once', () => {
    expect(plain(RESULT)).toBe(
      `CronJob/dump (namespace shop)
  audit    container "app": "NGINX:1.25": repository name must be lowercase (reference-valid)

Deployment/checkout (namespace shop)
  error    container "api": "NGINX:1.25": repository name must be lowercase (reference-valid)
  error    container "app": "NGINX:1.25": repository name must be lowercase (reference-valid)
    Fix: Write it in lower case.

Deployment/web (namespace shop)
  unfixed  2 Pods, container "app": new Pods get the mirror's "swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25" instead of "nginx:1.25" (mirror-used)
    Fix: Run "kubectl -n shop rollout restart deployment/web".
  notice   container "app": Pods get the mirror's "swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25" instead of "nginx:1.25" (mirror-used)

Pod/debug (namespace shop)
  warning  container "app": needs its registry's pull secret (pull-secret-present)
    Fix: Name the pull secret.

not checked: pull-secret-usable, which needs pull secrets and ServiceAccounts
unknown: secrets may not be listed
not in this cluster: Rollout.argoproj.io
error: jobs.batch cannot be listed: forbidden; it takes the verb "list" on jobs.batch, in a ClusterRole
41 workloads and 97 Pods checked, 12 objects exempt: 2 errors, 1 warning, 1 notice, 1 audit finding, 2 Pods unfixed; 1 problem reading the cluster
`,
    );
  });

  test('a remedy is repeated for the next owner, as another team may own it', () => {
    const text = plain(resultOf([WEB, 'template', finding()], [ownerOf('Pod', 'debug', ''), 'pod', finding()]));
    expect(text.split('    Fix: Write it in lower case.\n')).toHaveLength(3);
  });

  test('a clean result is one plain line, and what could not be read is not taken for one', () => {
    const clean = (counts: Partial<ScanResult['counts']>): string =>
      plain({ ...EMPTY, counts: { ...EMPTY.counts, ...counts } });
    expect(clean({ workloads: 1, pods: 1 })).toBe('1 workload and 1 Pod checked: no problems found\n');
    expect(clean({ leftOut: 1 })).toBe('0 workloads and 0 Pods checked, 1 object exempt: no problems found\n');
    const error = 'pods cannot be listed: forbidden';
    expect(plain({ ...EMPTY, errors: [error] })).toBe(
      `error: ${error}\n0 workloads and 0 Pods checked; 1 problem reading the cluster\n`,
    );
  });

  test('colour marks the word that matters, and changes nothing else', () => {
    const colored = formatScanText(RESULT, true);
    expect(stripVTControlCharacters(colored)).toBe(plain(RESULT));
    for (const word of ['31merror', '33munfixed', '33mwarning', '90mnotice', '90maudit']) {
      expect(colored).toContain(`\u001b[${word}\u001b[39m`);
    }
    expect(plain(RESULT)).not.toContain('\u001b');
  });

  test('a name that would repaint the terminal, or fake a line, is shown and not obeyed', () => {
    const evil = 'a\n\u001b[2Jfine';
    const found = finding({ message: evil, label: evil, remedy: evil });
    const { groups } = resultOf([ownerOf('Pod', evil, ''), 'pod', found]);
    const text = plain({ ...EMPTY, groups, errors: [evil], unknown: [evil], notServed: [evil] });
    expect(text.split('\n')).toHaveLength(9);
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  test('an object without a namespace is shown without one', () => {
    const groups = groupFindings();
    groups.add({ namespace: '', owner: WEB, isPod: false }, [finding()]);
    expect(plain({ ...EMPTY, groups: groups.list() })).toMatch(/^Deployment\/web\n/);
  });
});

describe('for programs', () => {
  type Document = Record<'findings' | 'unfixed', Record<string, unknown>[]> & Record<string, unknown>;
  const parse = (result: ScanResult): Document => JSON.parse(formatScanJson(result, [])) as Document;

  test('everything a person sees is in the JSON, in parts', () => {
    expect(parse(EMPTY)).toMatchObject({ findings: [], unfixed: [], errors: [], summary: { workloads: 0, denied: 0 } });
    const { findings, unfixed, ...rest } = parse(RESULT);
    expect(findings.map(({ action, fixed }) => [action, fixed])).toEqual([
      ['audit', 'no'],
      ['deny', 'no'],
      ['deny', 'no'],
      ['warn', 'later'],
      ['warn', 'no'],
    ]);
    expect(findings[2]).toEqual({
      namespace: 'shop',
      owner: { group: 'apps', kind: 'Deployment', name: 'checkout' },
      part: 'container "app"',
      field: 'spec.template.spec.containers[0].image',
      value: 'NGINX:1.25',
      rule: 'reference-valid',
      messageId: 'malformed',
      faqItems: [2],
      action: 'deny',
      fixed: 'no',
      severity: 'error',
      message: '"NGINX:1.25": repository name must be lowercase',
      remedy: 'Write it in lower case.',
    });
    expect(findings[4]).toMatchObject({ owner: { group: '', kind: 'Pod', name: 'debug' }, pods: 1 });
    expect(unfixed).toEqual([
      {
        namespace: 'shop',
        owner: { group: 'apps', kind: 'Deployment', name: 'web' },
        pods: 2,
        part: 'container "app"',
        field: 'spec.template.spec.containers[0].image',
        value: 'nginx:1.25',
        registry: 'docker.io',
        rule: 'mirror-used',
        messageId: 'malformed',
        faqItems: [2],
        severity: 'warning',
        message:
          'new Pods get the mirror\'s "swr.eu-de.otc.t-systems.com/dockerhub/library/nginx:1.25" instead of "nginx:1.25"',
        remedy: 'Run "kubectl -n shop rollout restart deployment/web".',
      },
    ]);
    expect(rest).toEqual({
      waiting: [],
      errors: RESULT.errors,
      notServed: ['Rollout.argoproj.io'],
      unknown: ['secrets may not be listed'],
      skipped: [{ rule: 'pull-secret-usable', missing: ['pullSecrets', 'serviceAccounts'] }],
      summary: { workloads: 41, pods: 97, unfixedPods: 2, leftOut: 12, denied: 2, warned: 1, fixed: 1, audited: 1 },
    });
  });

  test.each<[owner: Owner, remedy: string]>([
    [ownerOf('StatefulSet', 'db'), 'Run "kubectl -n shop rollout restart statefulset/db".'],
    [ownerOf('DaemonSet', 'agent'), 'Run "kubectl -n shop rollout restart daemonset/agent".'],
    [ownerOf('Pod', 'debug', ''), 'Delete this Pod and create it again.'],
    [ownerOf('CronJob', 'dump', 'batch'), 'Delete the Pods; CronJob/dump creates new ones.'],
    [ownerOf('Rollout', 'web', 'argoproj.io'), 'Delete the Pods; Rollout/web creates new ones.'],
  ])('of unfixed pods of %j it says how to get new ones', (owner, remedy) => {
    expect(parse(resultOf([owner, 'pod', finding({ ...MIRRORED, fixed: 'now' })])).unfixed[0]?.['remedy']).toBe(remedy);
  });

  test('credentials are in no field of it, and in no line of the text', () => {
    for (const fixed of ['no', 'now', 'later'] as const) {
      const result = resultOf([WEB, 'pod', finding({ ...MIRRORED, value: 'me:s3cret@host.example/app', fixed })]);
      expect(formatScanJson(result, []) + plain(result)).not.toContain('s3cret');
      if (fixed === 'no') expect(plain(result)).toContain('***@host.example/app');
    }
  });
});
