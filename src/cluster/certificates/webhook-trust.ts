import { readString } from '../../text/json.ts';
import { ApiError, type ApiServer, type KubernetesObject } from '../connection/api-server.ts';
import {
  holdsAuthority,
  isTrusted,
  patchConfiguration,
  readBundles,
  type BundleChange,
  type NamespaceOwner,
  type ServiceName,
} from './ca-bundle.ts';
import { startReflector, type Reflector } from '../connection/reflector.ts';
import { reportOnce } from '../connection/report-once.ts';

export type WebhookTrustOptions = Readonly<{
  api: ApiServer;
  /** Of both webhook configurations. */
  name: string;
  service: ServiceName;
  /** Our own, which both are to go with: see `patchConfiguration`. */
  namespace: string;
  /** Told when the answers below may have changed. */
  onChange: () => void;
  /** Told once of each distinct trouble until it is over. */
  onError: (message: string) => void;
  onInfo: (message: string) => void;
}>;

/** Whom the API server trusts when it calls our Service, as far as is known: the last known is kept when it is away. */
export type WebhookTrust = Readonly<{
  /** Why the API server would refuse this serving certificate (PEM), in words, or undefined. */
  problemWith: (cert: string) => string | undefined;
  /** Whether every webhook of ours has this CA (PEM). */
  holds: (authority: string) => boolean;
  /** Brings both configurations up to date. Resolves with whether all is well now, and never rejects. */
  update: (change: Pick<BundleChange, 'authority' | 'dropOlder'>) => Promise<boolean>;
  close: () => void;
}>;

type Watched = Readonly<{
  /** As in `the mutating webhook configuration "pullguard"`. */
  title: string;
  path: string;
  found: Reflector<KubernetesObject>;
}>;

/** Between two writes of one configuration: somebody else may put back what we change, as fast as we do. */
const WRITE_PAUSE_MS = 1000;
/** The CA must not wait long for what is only tidiness. */
const OWNER_TIMEOUT_MS = 2000;

/**
 * Watches the mutating and the validating webhook configuration of one name.
 *
 * One that does not exist is no reason for distrust: nobody calls us through it, and it may have been deleted on purpose,
 * to switch pullguard off or to have one half of it only. Were the pods not ready because of that, no roll-out would
 * end until it is back. That it is missing is told, once.
 */
export function watchWebhookTrust(options: WebhookTrustOptions): WebhookTrust {
  const { api, name, service, namespace, onChange, onError, onInfo } = options;
  const troubles = reportOnce(onError);
  const lastWrites = new Map<string, number>();
  let owner: NamespaceOwner | undefined;
  let mayOwn = true;
  const watched = ['mutating', 'validating'].map(watch);

  return {
    problemWith: (cert) => {
      const now = api.now();
      for (const { title, found } of watched) {
        if (!found.hasSynced()) return `it is not known yet whether ${title} trusts our certificate`;
        if (!bundlesOf(found).every(({ authorities }) => isTrusted(cert, authorities, now))) {
          return `${title} does not trust our certificate yet: the replica that leads writes the CA there, and says in its log if it cannot`;
        }
      }
      return undefined;
    },
    holds: (authority) =>
      watched.every(
        ({ found }) =>
          found.hasSynced() && bundlesOf(found).every(({ authorities }) => holdsAuthority(authorities, authority)),
      ),
    update: async ({ authority, dropOlder }) => {
      if (mayOwn) owner ??= await readOwner();
      const change = { authority, dropOlder, service, now: api.now(), ...(owner !== undefined && { owner }) };
      const outcomes = await Promise.all(watched.map(async (each) => updateOne(each, change)));
      return outcomes.every(Boolean);
    },
    close: () => {
      for (const { found } of watched) found.close();
    },
  };

  function watch(kind: string): Watched {
    const title = `the ${kind} webhook configuration "${name}"`;
    const path = `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations`;
    const tellMissing = (): void => {
      onInfo(`${title} does not exist, so nothing is asked of us through it; apply the manifests if it should`);
    };
    const found = startReflector({
      api,
      path,
      fieldSelector: `metadata.name=${name}`,
      keep: (configuration) => configuration,
      onChange: (_key, kept) => {
        if (kept === undefined) tellMissing();
        onChange();
      },
      onError,
    });
    void found.synced.then(() => {
      // It is resolved by the end of the watch as well.
      if (found.hasSynced() && found.size() === 0) tellMissing();
      onChange();
    });
    return { title, path, found };
  }

  function bundlesOf(found: Reflector<KubernetesObject>): ReturnType<typeof readBundles> {
    const configuration = found.find('', name);
    return configuration === undefined ? [] : readBundles(configuration, service);
  }

  /** Undefined when it cannot be read: the CA is what matters, and is written without. */
  async function readOwner(): Promise<NamespaceOwner | undefined> {
    try {
      const found = await api.call('GET', `/api/v1/namespaces/${namespace}`, { timeoutMs: OWNER_TIMEOUT_MS });
      troubles.clear('namespace');
      return { name: namespace, uid: readString(found, 'metadata', 'uid') };
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      troubles.report(
        'namespace',
        `the Namespace ${namespace} cannot be read, so the webhook configurations "${name}" stay behind if it is deleted: ${cause}`,
      );
      return undefined;
    }
  }

  async function updateOne({ title, path, found }: Watched, change: BundleChange): Promise<boolean> {
    const configuration = found.find('', name);
    const patch = configuration === undefined ? [] : patchConfiguration(configuration, change);
    if (patch.length === 0) {
      troubles.clear(title);
      return true;
    }
    if (performance.now() < (lastWrites.get(title) ?? -Infinity) + WRITE_PAUSE_MS) return false;
    lastWrites.set(title, performance.now());
    try {
      await api.call('PATCH', `${path}/${name}`, { body: patch, contentType: 'application/json-patch+json' });
      onInfo(`brought the CAs in ${title} up to date`);
      return true;
    } catch (error) {
      if (isRefused(error) && change.owner !== undefined) {
        lastWrites.delete(title);
        const isDone = await updateOne({ title, path, found }, { ...change, owner: undefined });
        if (isDone) giveUpOwner(error);
        return isDone;
      }
      if (!wasChanged(error, configuration, found)) {
        const cause = error instanceof Error ? error.message : String(error);
        troubles.report(title, `${title} cannot be given the CA of our certificate: ${cause}`);
      }
      return false;
    }
  }

  /**
   * The admission plug-in OwnerReferencesPermissionEnforcement lets only those set owners who may delete the object. The CA
   * matters more.
   */
  function giveUpOwner(error: ApiError): void {
    if (!mayOwn) return;
    mayOwn = false;
    owner = undefined;
    onError(
      `the webhook configurations "${name}" cannot be given the Namespace ${namespace} as their owner, so they stay behind if it is deleted: ${error.message}; delete them before it, or allow pullguard to delete them`,
    );
  }

  /** Somebody was faster, which is no trouble; the API server has no better word for a failed `test` than 422. */
  function wasChanged(
    error: unknown,
    before: KubernetesObject | undefined,
    found: Reflector<KubernetesObject>,
  ): boolean {
    if (!(error instanceof ApiError) || ![404, 409, 422].includes(error.status ?? 0)) return false;
    const [old, current] = [before, found.find('', name)].map((each) =>
      readString(each, 'metadata', 'resourceVersion'),
    );
    return old !== current;
  }
}

function isRefused(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 403;
}
