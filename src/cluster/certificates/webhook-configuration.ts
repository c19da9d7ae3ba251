import { X509Certificate } from 'node:crypto';
import { readPath, readString } from '../../text/json.ts';
import { quote } from '../../text/quote.ts';
import { isIssuedBy, readTerm, splitCertificates, termProblem, type Term } from '../../tls/source.ts';
import type { KubernetesObject } from '../connection/api-server.ts';
import { hasToken } from './webhook-paths.ts';

/** The Service through which API servers call our webhooks. */
export type ServiceName = Readonly<{ namespace: string; name: string }>;

/** A CA certificate that clients trust, as PEM. */
export type TrustedAuthority = Term & Readonly<{ pem: string }>;

/** The Namespace that owns a webhook configuration. */
export type NamespaceOwner = Readonly<{ name: string; uid: string }>;

export type BundleChange = Readonly<{
  service: ServiceName;
  /** The CA to trust, as PEM. */
  authority: string;
  /** The path that API servers must call: `/<token>/mutate`. */
  path: string;
  /** Whether every replica knows this CA and path by now, so that older ones can be removed. */
  dropOlder: boolean;
  now: Date;
  owner?: NamespaceOwner | undefined;
}>;

/** An operation of a JSON Patch (RFC 6902). */
export type PatchOperation = Readonly<{ op: 'test' | 'add'; path: string; value: unknown }>;

/** The CAs and the path of each webhook in the configuration that calls our Service, in order. */
export function readOwnWebhooks(configuration: KubernetesObject, service: ServiceName): readonly OwnWebhook[] {
  return readWebhooks(configuration).flatMap((webhook, index) => {
    const isOurs =
      readString(webhook, 'clientConfig', 'service', 'namespace') === service.namespace &&
      readString(webhook, 'clientConfig', 'service', 'name') === service.name;
    if (!isOurs) return [];
    const authorities = readAuthorities(readString(webhook, 'clientConfig', 'caBundle'));
    return [{ index, authorities, path: readString(webhook, 'clientConfig', 'service', 'path') }];
  });
}

/** `path`: empty if it has none. */
export type OwnWebhook = Readonly<{ index: number; authorities: readonly TrustedAuthority[]; path: string }>;

/** Whether a client with these CAs accepts this serving certificate (PEM). Names are not checked. */
export function isTrusted(cert: string, authorities: readonly TrustedAuthority[], now: Date): boolean {
  const leaf = new X509Certificate(cert);
  return authorities.some(
    (authority) =>
      termProblem('CA', authority, now) === undefined && isIssuedBy(leaf, new X509Certificate(authority.pem)),
  );
}

export function holdsAuthority(authorities: readonly TrustedAuthority[], pem: string): boolean {
  return authorities.some((authority) => authority.pem === pem);
}

/**
 * The patch that makes our webhooks in a configuration trust our CA and call our path, and makes our namespace an owner of it.
 * Empty if nothing has to change, or if the configuration has no webhook of ours. It only applies to the version that was read.
 */
export function patchConfiguration(configuration: KubernetesObject, change: BundleChange): readonly PatchOperation[] {
  const own = readOwnWebhooks(configuration, change.service);
  const operations = [
    ...own.flatMap((webhook) => [...changeBundle(webhook, change), ...changePath(webhook, change)]),
    ...(own.length === 0 ? [] : changeOwners(configuration, change.owner)),
  ];
  if (operations.length === 0) return [];
  const value = readString(configuration, 'metadata', 'resourceVersion');
  return [{ op: 'test', path: '/metadata/resourceVersion', value }, ...operations];
}

/**
 * The CAs to trust instead of `current`: ours, and those whose certificates a replica may still serve. A newer CA than ours is
 * never removed, as our own state may be outdated.
 */
export function planBundle<Authority extends TrustedAuthority>(
  current: readonly Authority[],
  ours: Authority,
  { dropOlder, now }: Readonly<{ dropOlder: boolean; now: Date }>,
): readonly Authority[] {
  const others = current.filter(
    (each) => each.pem !== ours.pem && now <= each.notAfter && !(dropOlder && each.notBefore <= ours.notBefore),
  );
  return [ours, ...others].slice(0, MAX_AUTHORITIES);
}

/**
 * Whether webhooks should call `path` instead of `current`. A path that can be guessed is replaced at once. A path with another
 * token is only replaced when every replica knows our path: a replica that does not would return 404, and the object would be
 * admitted unchecked.
 */
export function shouldMove(current: string, { path, dropOlder }: Pick<BundleChange, 'path' | 'dropOlder'>): boolean {
  return current !== path && (dropOlder || !hasToken(current));
}

/** Only reached if the Secret is lost again and again, faster than old CAs are removed: limits the size of the configuration. */
const MAX_AUTHORITIES = 10;

function changeBundle({ index, authorities }: OwnWebhook, change: BundleChange): readonly PatchOperation[] {
  const planned = planBundle(authorities, toAuthority(change.authority), change);
  // The order does not matter, so it is no reason to write.
  if (planned.length === authorities.length && planned.every(({ pem }) => holdsAuthority(authorities, pem))) return [];
  const value = Buffer.from(planned.map(({ pem }) => pem).join('')).toString('base64');
  return [{ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value }];
}

function changePath({ index, path: current }: OwnWebhook, change: BundleChange): readonly PatchOperation[] {
  if (!shouldMove(current, change)) return [];
  return [{ op: 'add', path: `/webhooks/${index}/clientConfig/service/path`, value: change.path }];
}

/**
 * Makes the Namespace an owner, so that garbage collection deletes the configuration with it. Otherwise `kubectl delete
 * namespace` would leave it behind, and with failurePolicy Fail no Pod could be created any more. `blockOwnerDeletion` and
 * `controller` are not set: the Namespace need not wait, and does not control the configuration.
 */
function changeOwners(configuration: KubernetesObject, owner: NamespaceOwner | undefined): readonly PatchOperation[] {
  if (owner === undefined) return [];
  const current = readPath(configuration, 'metadata', 'ownerReferences');
  const owners = Array.isArray(current) ? (current as readonly unknown[]) : [];
  if (owners.some((each) => readString(each, 'uid') === owner.uid)) return [];
  // An owner with our namespace's name and another uid is a deleted namespace, and would get the configuration deleted.
  const others = owners.filter(
    (each) => !(readString(each, 'kind') === 'Namespace' && readString(each, 'name') === owner.name),
  );
  const value = [...others, { apiVersion: 'v1', kind: 'Namespace', ...owner }];
  return [{ op: 'add', path: '/metadata/ownerReferences', value }];
}

/** The readable CAs of a `caBundle` (base64 of PEM); an API server does not trust the others either. */
function readAuthorities(caBundle: string): readonly TrustedAuthority[] {
  const text = Buffer.from(caBundle, 'base64').toString('latin1');
  return splitCertificates(text).flatMap((block) => {
    try {
      return [toAuthority(block)];
    } catch {
      return [];
    }
  });
}

function toAuthority(pem: string): TrustedAuthority {
  const certificate = new X509Certificate(pem);
  // Normalized, as other tools may format it differently.
  return { pem: certificate.toString(), ...readTerm(certificate) };
}

/** The names that a webhook configuration must have. `title` is for messages; `namespace` is that of our own Pods. */
type Fit = Readonly<{ title: string; service: ServiceName; namespace: string }>;

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
