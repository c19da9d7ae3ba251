import { ApiError, type ApiServer } from '../cluster/connection/api-server.ts';
import { listPages } from '../cluster/connection/list.ts';
import { readString } from '../text/json.ts';
import { REPORT_APIS, REPORT_NAME, type PolicyReport, type ReportFormat } from './policy-reports.ts';

export type WriteInput = Readonly<{
  api: ApiServer;
  format: ReportFormat;
  reports: readonly PolicyReport[];
  /** Namespaces whose old reports are deleted: the requested ones, or undefined for all. */
  namespaces: readonly string[] | undefined;
  /** Whether everything was read. Otherwise old reports stay, as the objects that were not read may still exist. */
  isComplete: boolean;
}>;

export type Written = Readonly<{ written: number; deleted: number; problems: readonly string[] }>;

/** Whether the cluster has the CRDs of a format. @throws ApiError if it does not answer, or denies the user */
export async function servesReports(api: ApiServer, format: ReportFormat): Promise<boolean> {
  const { group, version } = REPORT_APIS[format];
  try {
    await api.call('GET', `/apis/${group}/${version}`);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    return false;
  }
}

/**
 * Applies reports, and deletes reports of earlier scans that are no longer needed, such as that of a namespace that is now
 * exempt. All have one name, so that no permission for reports of other tools is needed. Failures are returned, and the rest is
 * written.
 *
 * @throws ApiError if the cluster does not answer
 */
export async function writeReports({ api, format, reports, namespaces, isComplete }: WriteInput): Promise<Written> {
  const { group, version, plural, clusterPlural } = REPORT_APIS[format];
  const base = `/apis/${group}/${version}`;
  const pathOf = (namespace: string | undefined): string =>
    namespace === undefined ? `${base}/${clusterPlural}` : `${base}/namespaces/${namespace}/${plural}`;
  const problems: string[] = [];
  const old = isComplete ? await listOld() : [];
  let [written, deleted] = [0, 0];
  await forEach(reports, async (report) => {
    if (await attempt('PATCH', report.metadata.namespace, report)) written++;
  });
  const current = new Set(reports.map(({ metadata }) => metadata.namespace));
  await forEach(
    old.filter((namespace) => !current.has(namespace)),
    async (namespace) => {
      if (await attempt('DELETE', namespace)) deleted++;
    },
  );
  return { written, deleted, problems: problems.slice(0, MOST_TOLD) };

  async function listOld(): Promise<readonly string[]> {
    const fieldSelector = `metadata.name=${REPORT_NAME}`;
    const found: string[] = [];
    const paths = namespaces === undefined ? [`${base}/${plural}`] : namespaces.map((each) => pathOf(each));
    for (const path of paths) {
      for await (const { items, tooLarge } of listPages(api, path, { fieldSelector, pageSize: PAGE })) {
        const objects = tooLarge === undefined ? items : [...items, tooLarge];
        found.push(...objects.map((object) => readString(object, 'metadata', 'namespace')));
      }
    }
    return found;
  }

  async function attempt(
    method: 'PATCH' | 'DELETE',
    namespace: string | undefined,
    body?: PolicyReport,
  ): Promise<boolean> {
    try {
      await api.call(method, `${pathOf(namespace)}/${REPORT_NAME}`, body === undefined ? {} : { ...APPLY, body });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === undefined || error.status === 401) throw error;
      if (namespace === undefined || !(await isGoing(namespace)))
        problems.push(`the report of ${namespace ?? 'the cluster'}: ${error.message}`);
      return false;
    }
  }

  /** A namespace may be deleted while it is scanned, and its reports with it. */
  async function isGoing(namespace: string): Promise<boolean> {
    try {
      return readString(await api.call('GET', `/api/v1/namespaces/${namespace}`), 'status', 'phase') === 'Terminating';
    } catch (error) {
      return error instanceof ApiError && error.status === 404;
    }
  }
}

/** Server-side apply creates missing reports, and does not write unchanged reports again. JSON is YAML. */
const APPLY = {
  contentType: 'application/apply-patch+yaml',
  query: { fieldManager: 'pullguard', force: true },
} as const;

/** A report has up to 0.8 MB, and a response may have 8 MiB. */
const PAGE = 10;

const MOST_TOLD = 20;

/** Most requests at the same time. */
const AT_ONCE = 4;

async function forEach<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
