import type { ServingCertificate } from '../../tls/source.ts';
import { ApiError, type ApiServer, type KubernetesObject } from '../connection/api-server.ts';
import type { RenewalPlan, Stored } from './certificate-plan.ts';
import {
  readCertificateSecret,
  writeCertificateSecret,
  type SecretName,
  type StoredCertificates,
} from './certificate-secret.ts';
import { issueAgain, makeAll, type Lives } from './issue-certificates.ts';
import { startReflector } from '../connection/reflector.ts';
import { reportOnce } from '../connection/report-once.ts';

export type CertificateStoreOptions = Readonly<{
  api: ApiServer;
  secret: SecretName;
  /** What serving certificates are for. */
  names: readonly string[];
  lives: Lives;
  /** Told when `read` may have another answer. */
  onChange: () => void;
  /** Told once of each distinct trouble until it is over, never with key material. */
  onError: (message: string) => void;
  onInfo: (message: string) => void;
}>;

/** The Secret that holds the CA and the serving certificate of all replicas. */
export type CertificateStore = Readonly<{
  /** What it holds, as far as is known; undefined before it was read for the first time. */
  read: () => StoredCertificates | undefined;
  /** Makes what the plan says. Resolves with whether that was done, and never rejects; `onChange` follows. */
  renew: (plan: RenewalPlan) => Promise<boolean>;
  close: () => void;
}>;

/** Between two writes by one replica: somebody else may undo them as fast as we write. */
const WRITE_PAUSE_MS = 1000;

export function openCertificateStore(options: CertificateStoreOptions): CertificateStore {
  const { api, secret, names, lives, onChange, onError, onInfo } = options;
  const title = `the Secret ${secret.namespace}/${secret.name}`;
  const path = `/api/v1/namespaces/${secret.namespace}/secrets`;
  const troubles = reportOnce(onError);
  let lastWrite = -Infinity;

  const found = startReflector<KubernetesObject>({
    api,
    path,
    fieldSelector: `metadata.name=${secret.name}`,
    keep: (object) => object,
    onChange,
    onError,
  });
  // When it does not exist, no change of it tells that this is known now.
  void found.synced.then(onChange);

  return {
    read: () => (found.hasSynced() ? readCertificateSecret(find(), names) : undefined),
    renew,
    close: found.close,
  };

  function find(): KubernetesObject | undefined {
    return found.find(secret.namespace, secret.name);
  }

  async function renew(plan: RenewalPlan): Promise<boolean> {
    if (performance.now() < lastWrite + WRITE_PAUSE_MS) return false;
    const current = find();
    try {
      await write(current, await make(plan, readCertificateSecret(current, names).authority));
      lastWrite = performance.now();
      troubles.clear(title);
      const made = plan.do === 'make-all' ? 'a new CA and serving certificate' : 'a new serving certificate';
      onInfo(`made ${made} in ${title}: ${plan.reason}`);
      return true;
    } catch (error) {
      if (!wasOvertaken(error, current)) {
        const cause = error instanceof Error ? error.message : String(error);
        troubles.report(title, `${title} cannot be given new certificates, which it needs as ${plan.reason}: ${cause}`);
      }
      return false;
    }
  }

  async function make(plan: RenewalPlan, authority: Stored<ServingCertificate>) {
    const request = { names, lives, now: api.now };
    return plan.do === 'issue' && authority.ok ? issueAgain(authority.pair, request) : makeAll(request);
  }

  /** Over the version that was read and no other. @throws ApiError */
  async function write(current: KubernetesObject | undefined, pairs: Awaited<ReturnType<typeof make>>): Promise<void> {
    const body = writeCertificateSecret(current, secret, pairs);
    if (current === undefined) await api.call('POST', path, { body });
    else await api.call('PUT', `${path}/${secret.name}`, { body });
  }

  /** Another replica was faster, or the Secret is gone: the watch will tell, and there will be another plan. */
  function wasOvertaken(error: unknown, current: KubernetesObject | undefined): boolean {
    return error instanceof ApiError && (error.status === 409 || (error.status === 404 && current !== undefined));
  }
}
