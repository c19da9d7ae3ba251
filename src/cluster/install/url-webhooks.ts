import { readPath, readString } from '../../text/json.ts';
import { ApiError, type ApiServer, type KubernetesObject } from '../connection/api-server.ts';

/** The two kinds of object that have the API server call a webhook, in the order in which they are made. */
export const CONFIGURATION_KINDS = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const;
export type ConfigurationKind = (typeof CONFIGURATION_KINDS)[number];

/** A MutatingWebhookConfiguration or ValidatingWebhookConfiguration, as a manifest has it. */
export type WebhookManifest = Readonly<{
  apiVersion: string;
  kind: ConfigurationKind;
  metadata: Readonly<{ name: string; labels: Readonly<Record<string, string>> }>;
  webhooks: readonly Readonly<{ clientConfig: Readonly<{ service: Readonly<{ path: string }> }> }>[];
}>;

/** `url` has no slash at its end; `ca` is PEM. */
export type UrlTarget = Readonly<{ name: string; url: string; ca: string }>;

export type Configuration = Omit<WebhookManifest, 'webhooks'> & Readonly<{ webhooks: readonly unknown[] }>;

/** What was done about a configuration. `taken back`: it had been created, and was deleted as the other one failed. */
export type Applied = Readonly<{ kind: ConfigurationKind; done: 'created' | 'updated' | 'unchanged' | 'taken back' }>;

/** `foreign`: somebody else made configurations of that name, and nothing was done. */
export type Installation =
  | Readonly<{ outcome: 'installed'; applied: readonly Applied[] }>
  | Readonly<{ outcome: 'foreign'; kinds: readonly ConfigurationKind[] }>
  | Readonly<{ outcome: 'failed'; applied: readonly Applied[]; kind: ConfigurationKind; error: ApiError }>;

export type Removed = Readonly<{ kind: ConfigurationKind }> &
  (Readonly<{ done: 'removed' | 'absent' | 'foreign' }> | Readonly<{ done: 'failed'; error: ApiError }>);

/** A configuration of pullguard's by another name, or by another maker. */
export type OtherConfiguration = Readonly<{ kind: ConfigurationKind; name: string; isOurs: boolean }>;

/** By which an uninstall knows what an install has made. */
const MAKER = { 'app.kubernetes.io/managed-by': 'pullguard-install' } as const;

/** A manifest's configuration, with nothing changed but its name, its labels and where pullguard is. */
export function pointAtUrl(manifest: WebhookManifest, { name, url, ca }: UrlTarget): Configuration {
  const caBundle = Buffer.from(ca).toString('base64');
  return {
    ...manifest,
    metadata: { name, labels: { ...manifest.metadata.labels, ...MAKER } },
    webhooks: manifest.webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: { url: `${url}${webhook.clientConfig.service.path}`, caBundle },
    })),
  };
}

/**
 * Creates configurations, or brings those up to date that it made before. Either all are made or none is: what was created
 * is deleted again when another one fails.
 *
 * @throws ApiError when the API server does not say what is there; then nothing was done.
 */
export async function installWebhooks(api: ApiServer, wanted: readonly Configuration[]): Promise<Installation> {
  const found = await Promise.all(wanted.map(async ({ kind, metadata }) => find(api, kind, metadata.name)));
  const foreign = wanted.filter((_, at) => found[at] !== undefined && !isOurs(found[at]));
  if (foreign.length > 0) return { outcome: 'foreign', kinds: foreign.map(({ kind }) => kind) };
  const created: (readonly [ConfigurationKind, KubernetesObject])[] = [];
  const applied: Applied[] = [];
  for (const [at, configuration] of wanted.entries()) {
    const { kind } = configuration;
    const existing = found[at];
    try {
      const written = await apply(api, configuration, existing);
      if (existing === undefined) created.push([kind, written]);
      applied.push({ kind, done: existing === undefined ? 'created' : nameChange(existing, written) });
    } catch (error) {
      const takenBack = await takeBack(api, created);
      return {
        outcome: 'failed',
        applied: applied.map((each) => (takenBack.includes(each.kind) ? { ...each, done: 'taken back' } : each)),
        kind,
        error: expectApiError(error),
      };
    }
  }
  return { outcome: 'installed', applied };
}

/** Deletes the configurations of that name that an install made, each whatever becomes of the other. Never throws. */
export async function removeWebhooks(api: ApiServer, name: string): Promise<readonly Removed[]> {
  return Promise.all(CONFIGURATION_KINDS.map(async (kind) => removeOne(api, kind, name)));
}

/**
 * The configurations of pullguard's in the cluster, but for those of that name.
 *
 * @throws ApiError
 */
export async function listOthers(api: ApiServer, name: string): Promise<readonly OtherConfiguration[]> {
  const lists = await Promise.all(CONFIGURATION_KINDS.map(async (kind) => listOfKind(api, kind)));
  return lists.flat().filter((other) => other.name !== name || !other.isOurs);
}

async function find(api: ApiServer, kind: ConfigurationKind, name: string): Promise<KubernetesObject | undefined> {
  try {
    return (await api.call('GET', pathOf(kind, name))) as KubernetesObject;
  } catch (error) {
    if (expectApiError(error).status === 404) return undefined;
    throw error;
  }
}

async function apply(
  api: ApiServer,
  wanted: Configuration,
  existing: KubernetesObject | undefined,
): Promise<KubernetesObject> {
  const { kind, metadata } = wanted;
  if (existing === undefined) return (await api.call('POST', pathOf(kind), { body: wanted })) as KubernetesObject;
  // With the version that was read, so that what somebody changed meanwhile is not lost; annotations of theirs stay.
  const labels = { ...(readPath(existing, 'metadata', 'labels') as object), ...metadata.labels };
  const body = { ...wanted, metadata: { ...(existing['metadata'] as object), labels } };
  return (await api.call('PUT', pathOf(kind, metadata.name), { body })) as KubernetesObject;
}

/** The API server gives an object another version only if it has changed. */
function nameChange(before: KubernetesObject, after: KubernetesObject): 'updated' | 'unchanged' {
  return versionOf(before) === versionOf(after) ? 'unchanged' : 'updated';
}

/** The kinds of which the object was deleted again. */
async function takeBack(
  api: ApiServer,
  created: readonly (readonly [ConfigurationKind, KubernetesObject])[],
): Promise<readonly ConfigurationKind[]> {
  const done = await Promise.all(
    created.map(async ([kind, object]) => {
      try {
        await remove(api, kind, object);
        return [kind];
      } catch {
        // The failure before it is the one to be told; this one follows from what is not said to be taken back.
        return [];
      }
    }),
  );
  return done.flat();
}

async function removeOne(api: ApiServer, kind: ConfigurationKind, name: string): Promise<Removed> {
  try {
    const existing = await find(api, kind, name);
    if (existing === undefined) return { kind, done: 'absent' };
    if (!isOurs(existing)) return { kind, done: 'foreign' };
    await remove(api, kind, existing);
    return { kind, done: 'removed' };
  } catch (caught) {
    const error = expectApiError(caught);
    return error.status === 404 ? { kind, done: 'absent' } : { kind, done: 'failed', error };
  }
}

/** Only that very object, as it was read: another one that somebody made in its place stays. */
async function remove(api: ApiServer, kind: ConfigurationKind, object: KubernetesObject): Promise<void> {
  const preconditions = { uid: readString(object, 'metadata', 'uid'), resourceVersion: versionOf(object) };
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
  await api.call('DELETE', pathOf(kind, readString(object, 'metadata', 'name')), { body });
}

async function listOfKind(api: ApiServer, kind: ConfigurationKind): Promise<readonly OtherConfiguration[]> {
  const items = readPath(await api.call('GET', pathOf(kind)), 'items');
  return (Array.isArray(items) ? (items as readonly unknown[]) : [])
    .filter((item) => readString(item, 'metadata', 'labels', 'app.kubernetes.io/name') === 'pullguard')
    .map((item) => ({ kind, name: readString(item, 'metadata', 'name'), isOurs: isOurs(item) }));
}

function isOurs(object: unknown): boolean {
  return Object.entries(MAKER).every(([label, value]) => readString(object, 'metadata', 'labels', label) === value);
}

function versionOf(object: KubernetesObject): string {
  return readString(object, 'metadata', 'resourceVersion');
}

function pathOf(kind: ConfigurationKind, name?: string): string {
  const collection = `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s`;
  return name === undefined ? collection : `${collection}/${encodeURIComponent(name)}`;
}

/** Anything else that is thrown is a mistake of ours, and must not pass for the cluster's. */
function expectApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  throw error;
}
