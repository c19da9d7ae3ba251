import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { ScanReport } from '../../src/cli/formats/scan-html.ts';
import { ApiError, type ApiServer, type CallOptions } from '../../src/cluster/connection/api-server.ts';
import {
  buildPolicyReports,
  REPORT_FORMATS,
  type PolicyReport,
  type ReportFormat,
} from '../../src/scan/policy-reports.ts';
import { servesReports, writeReports, type WriteInput } from '../../src/scan/write-reports.ts';
import { isRecord } from '../../src/text/json.ts';
import type { Json } from '../support/objects.ts';
import { NOW, scanReport } from '../support/scan-reports.ts';
import { pullFailure, UNKNOWN_CA, waitingPod, warning } from '../support/waiting-objects.ts';

const HARBOR = 'harbor.example.com/team/app:v1';

const SHOP = scanReport({
  deployments: [
    ['shop', 'web', 'NGINX:1.25'],
    ['bank', 'ledger', 'registry.example.com:5000'],
    ['calm', 'fine', 'ghcr.io/a/b:1'],
  ],
  pods: ['a', 'b'].map((name) => waitingPod({ name: `api-5d9-${name}`, image: HARBOR, deployment: 'api' })),
  events: ['a', 'b'].map((name) => warning({ about: `api-5d9-${name}`, message: pullFailure(HARBOR, UNKNOWN_CA) })),
});

const reportsOf = (
  { result, waiting }: ScanReport,
  format: ReportFormat = 'policyreport',
  time = NOW,
): readonly PolicyReport[] => buildPolicyReports({ result, waiting, format, time });

const find = (reports: readonly PolicyReport[], namespace?: string): PolicyReport =>
  reports.find(({ metadata }) => metadata.namespace === namespace)!;

describe('a report', () => {
  test('is there for each namespace with workloads, also where all is well, and one for the cluster', () => {
    const reports = reportsOf(SHOP);
    expect(reports.map(({ kind, metadata, summary }) => [kind, metadata.namespace, summary])).toEqual([
      ['PolicyReport', 'shop', { pass: 2, fail: 2, warn: 0, error: 0, skip: 0 }],
      ['PolicyReport', 'bank', { pass: 0, fail: 0, warn: 1, error: 0, skip: 0 }],
      ['PolicyReport', 'calm', { pass: 1, fail: 0, warn: 0, error: 0, skip: 0 }],
      ['ClusterPolicyReport', undefined, expect.objectContaining({ pass: 0, fail: 0, error: 0 })],
    ]);
  });

  test('says of each result where it is, why, and what to do, what fails now first', () => {
    const { results } = find(reportsOf(SHOP), 'shop');
    expect(results).toEqual([
      {
        source: 'pullguard',
        policy: 'image-pull',
        rule: 'unknown-ca',
        category: 'Image pull',
        severity: 'critical',
        result: 'fail',
        scored: true,
        resources: [{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'api' }],
        message: `${HARBOR}: unknown CA: tls: failed to verify certificate: x509: certificate signed by unknown authority`,
        properties: {
          cause: 'unknown-ca',
          faqItem: '5',
          value: HARBOR,
          registry: 'harbor.example.com',
          pods: '2',
          remedy: expect.stringContaining('Add the CA on each node') as string,
        },
      },
      {
        source: 'pullguard',
        policy: 'reference-valid',
        rule: 'malformed',
        category: 'Image pull',
        severity: 'high',
        result: 'fail',
        scored: true,
        resources: [{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' }],
        message: expect.stringContaining('InvalidImageName') as string,
        properties: expect.objectContaining({ faqItem: '2', part: 'container "app"', value: 'NGINX:1.25' }) as object,
      },
    ]);
  });

  test('is as it was where nothing has changed, so that nothing is written; the cluster has the time', () => {
    const [now, later] = [reportsOf(SHOP), reportsOf(SHOP, 'policyreport', NOW + 3_600_000)];
    expect(now.slice(0, -1)).toEqual(later.slice(0, -1));
    expect(now.at(-1)?.metadata.annotations).toEqual({ 'pullguard.dev/scanned-at': '2026-06-01T12:15Z' });
  });

  test('counts what could not be listed in every namespace, as it may be there, and says it once', () => {
    const reports = reportsOf({ ...SHOP, result: { ...SHOP.result, errors: ['jobs cannot be listed'] } });
    expect(reports.map(({ summary }) => summary.error)).toEqual([1, 1, 1, 1]);
    expect(find(reports).results).toContainEqual(
      expect.objectContaining({ result: 'error', message: 'jobs cannot be listed' }),
    );
  });

  test('has at most 300 results, fits into etcd at its worst, and its summary counts all', () => {
    const name = 'n'.repeat(253);
    const deployments = Array.from(
      { length: 400 },
      (_, at) => ['shop', `${at}${name}`, `${at}X/${'x'.repeat(4000)}`] as const,
    );
    const [report] = reportsOf(scanReport({ deployments }), 'openreports');
    expect(report?.results).toHaveLength(300);
    expect(report?.summary.fail).toBe(400);
    expect(report?.metadata.annotations).toEqual({ 'pullguard.dev/results-left-out': '100' });
    expect(JSON.stringify(report).length).toBeLessThan(1.2 * 1024 * 1024);
  });

  test('fits where each character of an image takes many bytes, and counts what it leaves out', () => {
    const deployments = Array.from({ length: 300 }, (_, at) => ['shop', `web-${at}`, '漢\u202E'.repeat(2000)] as const);
    const [report] = reportsOf(scanReport({ deployments }));
    const left = Number(report?.metadata.annotations?.['pullguard.dev/results-left-out'] ?? 0);
    expect(left + (report?.results.length ?? 0)).toBe(report!.summary.fail + report!.summary.warn);
    expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThan(1.2 * 1024 * 1024);
  });

  test('has no password of an image', () => {
    const image = 'https://admin:s3cret@registry.example/app:1';
    const text = JSON.stringify(
      reportsOf(scanReport({ deployments: [['shop', 'web', image]], pods: [waitingPod({ name: 'a', image })] })),
    );
    expect(text).toContain('***@');
    expect(text).not.toContain('s3cret');
  });

  test.each(REPORT_FORMATS)(
    'of %s is what its CRD describes, and nothing is in it that an API server would drop',
    (format) => {
      const errors = ['jobs cannot be listed'];
      const reports = reportsOf(
        { ...SHOP, result: { ...SHOP.result, errors, notServed: ['Thing.example.com'] } },
        format,
      );
      for (const report of reports) {
        const validate = new Ajv({ strict: false, formats: { int32: true, int64: true } }).compile(schemaOf(report));
        expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
      }
      expect(new Set(reports.map(({ apiVersion }) => apiVersion))).toHaveLength(1);
    },
  );
});

/** The schema in the CRD of an object, without leave for members that it does not have. */
function schemaOf({ apiVersion, kind }: PolicyReport): object {
  type Crd = {
    spec: { group: string; names: { kind: string }; versions: [{ name: string; schema: { openAPIV3Schema: Json } }] };
  };
  const file = new URL('../fixtures/report-crds.yaml', import.meta.url);
  const crds = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Crd);
  const { spec } = crds.find((crd) => crd.spec.names.kind === kind && apiVersion.startsWith(crd.spec.group))!;
  const [version] = spec.versions;
  expect(apiVersion).toBe(`${spec.group}/${version.name}`);
  const close = (schema: unknown): unknown => {
    if (Array.isArray(schema)) return schema.map(close);
    if (!isRecord(schema)) return schema;
    const closed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value)]));
    return isRecord(schema['properties']) ? { additionalProperties: false, ...closed } : closed;
  };
  return close(version.schema.openAPIV3Schema) as object;
}

describe('written into a cluster', () => {
  const PATH = '/apis/wgpolicyk8s.io/v1alpha2';

  /** What was asked of an API server that has reports in these namespaces. */
  function serve(old: readonly string[], fail: (call: string) => ApiError | undefined = () => undefined) {
    const calls: string[] = [];
    const bodies: CallOptions[] = [];
    const call = (method: string, path: string, options: CallOptions = {}): Promise<unknown> => {
      const name = `${method} ${path.replace(PATH, '')}`;
      calls.push(name);
      const failure = fail(name);
      if (failure !== undefined) return Promise.reject(failure);
      if (method !== 'GET') bodies.push(options);
      const items = old
        .filter(
          (namespace) =>
            path.endsWith('/policyreports') && (path === `${PATH}/policyreports` || path.includes(`/${namespace}/`)),
        )
        .map((namespace) => ({ metadata: { name: 'pullguard-scan', namespace } }));
      return Promise.resolve(
        path.startsWith('/api/v1/namespaces/') ? { status: { phase: 'Terminating' } } : { metadata: {}, items },
      );
    };
    return { api: { call } as unknown as ApiServer, calls, bodies };
  }

  const write = (api: ApiServer, input: Partial<WriteInput> = {}) =>
    writeReports({
      api,
      format: 'policyreport',
      reports: reportsOf(SHOP),
      namespaces: undefined,
      isComplete: true,
      ...input,
    });

  const reportIn = (namespace: string): string => `/namespaces/${namespace}/policyreports/pullguard-scan`;

  test('each is applied under one name, and that of a namespace without workloads is deleted', async () => {
    const { api, calls, bodies } = serve(['shop', 'former']);
    expect(await write(api)).toEqual({ written: 4, deleted: 1, problems: [] });
    expect(calls).toEqual([
      'GET /policyreports',
      ...['shop', 'bank', 'calm'].map((namespace) => `PATCH ${reportIn(namespace)}`),
      'PATCH /clusterpolicyreports/pullguard-scan',
      `DELETE ${reportIn('former')}`,
    ]);
    expect(bodies[0]).toMatchObject({
      contentType: 'application/apply-patch+yaml',
      query: { fieldManager: 'pullguard' },
    });
  });

  test('nothing is deleted when not all could be read, or in namespaces that were not asked for', async () => {
    const partly = serve(['shop', 'former']);
    expect(await write(partly.api, { isComplete: false })).toMatchObject({ deleted: 0 });
    const some = serve(['shop', 'former', 'other']);
    await write(some.api, { namespaces: ['shop', 'other'] });
    expect(some.calls.filter((call) => call.startsWith('DELETE'))).toEqual([`DELETE ${reportIn('other')}`]);
  });

  test('a namespace that goes meanwhile is no problem, one without the right is, and the others are written', async () => {
    const forbidden = new ApiError('forbidden', { status: 403, reason: 'Forbidden' });
    const going = serve([], (call) => (call.includes('/bank/') ? forbidden : undefined));
    expect(await write(going.api)).toEqual({ written: 3, deleted: 0, problems: [] });
    const denied = serve([], (call) => (call.includes('/bank') ? forbidden : undefined));
    expect(await write(denied.api)).toEqual({ written: 3, deleted: 0, problems: ['the report of bank: forbidden'] });
  });

  test('a cluster without the CRDs is told from one that does not answer', async () => {
    const failing = (status?: number) => serve([], () => new ApiError('no', { status })).api;
    expect(await servesReports(serve([]).api, 'policyreport')).toBe(true);
    expect(await servesReports(failing(404), 'policyreport')).toBe(false);
    await expect(servesReports(failing(), 'policyreport')).rejects.toThrow(ApiError);
  });
});
