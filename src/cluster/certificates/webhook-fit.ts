import { readPath, readString } from '../../text/json.ts';
import { quote } from '../../text/quote.ts';
import type { KubernetesObject } from '../connection/api-server.ts';
import { readOwnWebhooks, type ServiceName } from './ca-bundle.ts';

/** The names that a webhook configuration must have. `title` is for messages; `namespace` is that of our own Pods. */
export type Fit = Readonly<{ title: string; service: ServiceName; namespace: string }>;

/** The labels that the selectors in our manifests use to exclude namespaces. Other labels of namespaces are unknown here. */
const KNOWN_LABELS = ['kubernetes.io/metadata.name', 'pullguard.dev/mode', 'pullguard.dev/fix'];

/**
 * Why the names in a webhook configuration do not match ours, for example after an incomplete rename; undefined if they match.
 * API servers would call something else, and with failurePolicy Ignore they would not report that.
 */
export function findMisfit(configuration: KubernetesObject | undefined, fit: Fit): string | undefined {
  const { title, service, namespace } = fit;
  if (configuration === undefined) {
    return `${title} does not exist, so the API server does not call pullguard through it: apply the manifests, or give its name with --webhook-configuration`;
  }
  const own = readOwnWebhooks(configuration, service);
  const webhooks = readWebhooks(configuration);
  if (own.length === 0) {
    const wanted = `Service ${quote(service.name)} in namespace ${quote(service.namespace)}`;
    return `${title} calls ${describeTarget(webhooks)}, not ${wanted}: fix clientConfig in it, or --service and the namespace of pullguard`;
  }
  if (own.every(({ index }) => mayExclude(webhooks[index], namespace))) return undefined;
  return `${title} also selects the namespace ${quote(namespace)} of pullguard, whose Pods could then not start without pullguard: exclude it in namespaceSelector`;
}

function readWebhooks(configuration: KubernetesObject): readonly unknown[] {
  const webhooks = readPath(configuration, 'webhooks');
  return Array.isArray(webhooks) ? (webhooks as readonly unknown[]) : [];
}

/** The target of the first webhook, as all are the same in our manifests. A URL is not shown, as its path may be a secret. */
function describeTarget([first]: readonly unknown[]): string {
  const [name, namespace] = ['name', 'namespace'].map((key) => readString(first, 'clientConfig', 'service', key));
  if (name !== '') return `Service ${quote(name ?? '')} in namespace ${quote(namespace ?? '')}`;
  return readString(first, 'clientConfig', 'url') === '' ? 'nothing' : 'a URL';
}

/** Whether a webhook excludes a namespace by its name, or may exclude it by other labels. */
function mayExclude(webhook: unknown, namespace: string): boolean {
  const selector = readPath(webhook, 'namespaceSelector');
  const expressions = readPath(selector, 'matchExpressions');
  const all = Array.isArray(expressions) ? (expressions as readonly unknown[]) : [];
  if (readPath(selector, 'matchLabels') !== undefined) return true;
  return all.some((each) => {
    const key = readString(each, 'key');
    if (key !== 'kubernetes.io/metadata.name') return !KNOWN_LABELS.includes(key);
    const values = readPath(each, 'values');
    const isListed = Array.isArray(values) && values.includes(namespace);
    return readString(each, 'operator') === 'In' ? !isListed : isListed;
  });
}
