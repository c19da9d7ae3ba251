import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { CheckResult, LocatedFinding } from '../../src/cli/check.ts';
import { formatCheckJson, formatCheckText } from '../../src/cli/format-check.ts';
import type { Finding } from '../../src/engine/evaluate.ts';
import { finding, missingField } from '../support/finding.ts';

const locate = (found: Finding, line: number): LocatedFinding => ({ ...found, file: 'k8s/web.yaml', line, column: 16 });

const RESULT: CheckResult = {
  findings: [locate(finding(), 21), locate(missingField(), 18), locate(finding({ action: 'audit' }), 40)],
  errors: [
    { file: 'k8s/broken.yaml', line: 3, column: 1, message: 'the key "a" is there twice' },
    { file: 'missing.yaml', message: 'cannot be read: ENOENT: no such file or directory' },
  ],
  counts: { workloads: 2, otherObjects: 4, foreign: 1 },
};

const NOTHING: CheckResult = { findings: [], errors: [], counts: { workloads: 0, otherObjects: 0, foreign: 0 } };

describe('for people', () => {
  test('a line each, which editors and CI logs link, then what was done in all', () => {
    expect(formatCheckText(RESULT, false)).toBe(
      `k8s/web.yaml:21:16: deny: Deployment/web container "app": "NGINX:1.25": repository name must be lowercase (reference-valid)
k8s/web.yaml:18:16: warn: Deployment/web: needs its registry's pull secret (pull-secret-present)
k8s/web.yaml:40:16: audit: Deployment/web container "app": "NGINX:1.25": repository name must be lowercase (reference-valid)
k8s/broken.yaml:3:1: error: the key "a" is there twice
missing.yaml: error: cannot be read: ENOENT: no such file or directory
2 workloads checked: 1 to be denied, 1 to be warned about, 1 for the audit log, 2 could not be read; skipped 4 without images and 1 that are no Kubernetes objects
`,
    );
  });

  test('colour marks the word that matters, and changes nothing else', () => {
    const colored = formatCheckText(RESULT, true);
    expect(stripVTControlCharacters(colored)).toBe(formatCheckText(RESULT, false));
    expect(colored).toContain(': \u001b[31mdeny\u001b[39m: ');
    expect(colored).toContain(': \u001b[33mwarn\u001b[39m: ');
    expect(colored).toContain(': \u001b[31merror\u001b[39m: ');
    expect(formatCheckText(RESULT, false)).not.toContain('\u001b');
  });

  test.each<[what: string, counts: Partial<CheckResult['counts']>, line: string]>([
    ['nothing at all', {}, '0 workloads checked: 0 to be denied, 0 to be warned about\n'],
    ['one workload', { workloads: 1 }, '1 workload checked: 0 to be denied, 0 to be warned about\n'],
    [
      'only others',
      { otherObjects: 3 },
      '0 workloads checked: 0 to be denied, 0 to be warned about; skipped 3 without images\n',
    ],
    [
      'only foreign ones',
      { foreign: 2 },
      '0 workloads checked: 0 to be denied, 0 to be warned about; skipped 2 that are no Kubernetes objects\n',
    ],
  ])('the last line says that there was %s', (_what, counts, line) => {
    expect(formatCheckText({ ...NOTHING, counts: { ...NOTHING.counts, ...counts } }, false)).toBe(line);
  });

  test('a name that would repaint the terminal, or fake a line, is shown and not obeyed', () => {
    const workload = { ...finding().workload, name: 'a\n\u001b[2Jfine' };
    const found = { ...locate(finding({ workload }), 1), file: 'a\u001b[31m\n.yaml' };
    const errors = [{ file: 'b\u0007', message: 'bad\u001b]0;x\u0007' }];
    const text = formatCheckText({ ...NOTHING, findings: [found], errors }, false);
    expect(text.split('\n')).toHaveLength(4);
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });
});

describe('for programs', () => {
  test('everything a person sees is in the JSON, in parts', () => {
    const { findings, errors, summary } = JSON.parse(formatCheckJson(RESULT)) as Record<string, unknown[]>;
    expect(findings?.[0]).toEqual({
      file: 'k8s/web.yaml',
      line: 21,
      column: 16,
      kind: 'Deployment',
      namespace: 'default',
      name: 'web',
      part: 'container "app"',
      field: 'spec.template.spec.containers[0].image',
      value: 'NGINX:1.25',
      rule: 'reference-valid',
      action: 'deny',
      fixed: 'no',
      message: '"NGINX:1.25": repository name must be lowercase',
      remedy: 'Write it in lower case.',
    });
    expect(findings?.[1]).not.toHaveProperty('value');
    expect(findings?.[1]).not.toHaveProperty('part');
    expect(errors).toEqual(RESULT.errors);
    expect(summary).toEqual({ workloads: 2, otherObjects: 4, foreign: 1, denied: 1, warned: 1, audited: 1 });
  });

  test('nothing found is a document too', () => {
    expect(JSON.parse(formatCheckJson(NOTHING))).toEqual({
      findings: [],
      errors: [],
      summary: { workloads: 0, otherObjects: 0, foreign: 0, denied: 0, warned: 0, audited: 0 },
    });
  });

  test('credentials are in no field of it', () => {
    const found = locate(finding({ value: 'me:s3cret@host.example/app' }), 1);
    expect(formatCheckJson({ ...NOTHING, findings: [found] })).not.toContain('s3cret');
  });
});
