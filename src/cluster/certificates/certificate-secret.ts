import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { describeError } from '../../text/error.ts';
import { isRecord, readPath, readString } from '../../text/json.ts';
import { issueAgain, makePairs, type CertificatePairs, type Lives } from '../../tls/self-signed.ts';
import { CertificateError, isIssuedBy, readServingCertificate, type ServingCertificate } from '../../tls/source.ts';
import { ApiError, type KubernetesObject } from '../connection/api-server.ts';
import { startReflector } from '../connection/reflector.ts';
import { reportOnce } from '../connection/retry.ts';
import type { PartOptions, RenewalPlan, Stored, StoredPairs } from './certificate-plan.ts';
import { isToken, makeToken } from './webhook-paths.ts';

/**
 * A CA, and the token that is created and rotated with it. The token is the first segment of the paths that API servers call, so
 * that no other client gets a response to a review. It is never printed.
 */
export type StoredAuthority = ServingCertificate & Readonly<{ token: string }>;

/** The content of the Secret: `ca.crt` and `ca.key`, `tls.crt` and `tls.key`, and `token`. */
export type StoredCertificates = StoredPairs<ServingCertificate> & Readonly<{ authority: Stored<StoredAuthority> }>;

export type SecretName = Readonly<{ namespace: string; name: string }>;

/** `names`: the DNS names and IP addresses of serving certificates. */
export type CertificateStoreOptions = PartOptions &
  Readonly<{ secret: SecretName; names: readonly string[]; lives: Lives }>;

/** The Secret with the CA and the serving certificate of all replicas. */
export type CertificateStore = Readonly<{
  /** Its content, as far as it is known; undefined before the first read. */
  read: () => StoredCertificates | undefined;
  /** The token in it, whatever is wrong with the rest. */
  readToken: () => string | undefined;
  /** Does what the plan says. Resolves with whether that was done, and never rejects; `onChange` follows. */
  renew: (plan: RenewalPlan) => Promise<boolean>;
  close: () => void;
}>;

/** The pause between two writes by one replica, as another tool may revert each of them. */
const WRITE_PAUSE_MS = 1000;

export function openCertificateStore(options: CertificateStoreOptions): CertificateStore {
  const { api, secret, names, lives, onChange, onError, onInfo } = options;
  const title = `the Secret ${secret.namespace}/${secret.name}`;
  const path = `/api/v1/namespaces/${secret.namespace}/secrets`;
  const reporter = reportOnce(onError);
  let lastWrite = -Infinity;

  const fieldSelector = `metadata.name=${secret.name}`;
  const found = startReflector({ api, path, fieldSelector, keep: (object) => object, onChange, onError });
  // If the Secret does not exist, no event reports that this is now known.
  void found.synced.then(onChange);

  return {
    read: () => (found.hasSynced() ? readCertificateSecret(find(), names) : undefined),
    readToken: () => readToken(find()),
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
      const { authority } = readCertificateSecret(current, names);
      const request = { names, lives, now: api.now };
      const canIssue = plan.do === 'issue' && authority.ok;
      const pairs = await (canIssue ? issueAgain(authority.pair, request) : makePairs(request));
      await write(current, pairs, canIssue ? authority.pair.token : makeToken());
      lastWrite = performance.now();
      reporter.clear(title);
      const made = plan.do === 'make-all' ? 'a CA and a serving certificate' : 'a serving certificate';
      onInfo(`created ${made} in ${title}: ${plan.reason}`);
      return true;
    } catch (error) {
      if (!wasOvertaken(error, current)) {
        const cause = describeError(error);
        reporter.report(title, `cannot write new certificates to ${title}: ${cause} (needed because ${plan.reason})`);
      }
      return false;
    }
  }

  /** Only overwrites the version that was read. @throws ApiError */
  async function write(current: KubernetesObject | undefined, pairs: CertificatePairs, token: string): Promise<void> {
    const body = writeCertificateSecret(current, secret, { ...pairs, token });
    if (current === undefined) await api.call('POST', path, { body });
    else await api.call('PUT', `${path}/${secret.name}`, { body });
  }

  /** Another replica was faster, or the Secret was deleted: the watch notices it, and leads to another plan. */
  function wasOvertaken(error: unknown, current: KubernetesObject | undefined): boolean {
    return error instanceof ApiError && (error.status === 409 || (error.status === 404 && current !== undefined));
  }
}

/**
 * Reads the Secret, and checks that all parts match and are valid for `names`. Expiry is not checked here. The problems never
 * contain key material.
 */
export function readCertificateSecret(
  secret: KubernetesObject | undefined,
  names: readonly string[],
): StoredCertificates {
  const authority = readAuthorityPair(secret);
  if (!authority.ok) return { authority, serving: authority };
  return { authority, serving: readServingPair(secret, authority.pair, names) };
}

/** The Secret with these certificates and all other content of `current`; a new one without it. */
export function writeCertificateSecret(
  current: KubernetesObject | undefined,
  { namespace, name }: SecretName,
  { authority, serving, token }: CertificatePairs & Readonly<{ token: string }>,
): KubernetesObject {
  const data = {
    'ca.crt': toBase64(authority.cert),
    'ca.key': toBase64(authority.key),
    'tls.crt': toBase64(serving.cert),
    'tls.key': toBase64(serving.key),
    token: toBase64(token),
  };
  const kind = { apiVersion: 'v1', kind: 'Secret' };
  if (current !== undefined) {
    const others = readPath(current, 'data');
    // Objects from a list have no kind and apiVersion.
    return { ...current, ...kind, data: { ...(isRecord(others) && others), ...data } };
  }
  return {
    ...kind,
    type: 'kubernetes.io/tls',
    metadata: { namespace, name, labels: { 'app.kubernetes.io/name': 'pullguard' } },
    data,
  };
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function readAuthorityPair(secret: KubernetesObject | undefined): Stored<StoredAuthority> {
  if (secret === undefined) return { ok: false, problem: 'it does not exist' };
  const stored = readPair(secret, 'ca.crt', 'ca.key');
  if (!stored.ok) return stored;
  const certificate = new X509Certificate(stored.pair.cert);
  if (!certificate.ca) return { ok: false, problem: 'ca.crt is not the certificate of a CA' };
  if (certificate.publicKey.asymmetricKeyType !== 'rsa')
    return { ok: false, problem: 'ca.key is not an RSA key, the only kind that pullguard supports' };
  const token = readToken(secret);
  if (token === undefined) return { ok: false, problem: 'token is not 64 hexadecimal digits' };
  // Only the first certificate: the keys of others are not here.
  return { ok: true, pair: { ...stored.pair, cert: certificate.toString(), token } };
}

function readToken(secret: KubernetesObject | undefined): string | undefined {
  const token = readText(secret, 'token');
  return isToken(token) ? token : undefined;
}

function readServingPair(
  secret: KubernetesObject | undefined,
  authority: ServingCertificate,
  names: readonly string[],
): Stored<ServingCertificate> {
  const stored = readPair(secret, 'tls.crt', 'tls.key');
  if (!stored.ok) return stored;
  const leaf = new X509Certificate(stored.pair.cert);
  if (!isIssuedBy(leaf, new X509Certificate(authority.cert)))
    return { ok: false, problem: 'tls.crt was not issued by the CA in ca.crt' };
  const missing = names.find((name) => !isFor(leaf, name));
  if (missing !== undefined) return { ok: false, problem: `tls.crt is not for the name ${missing}` };
  return stored;
}

function readPair(
  secret: KubernetesObject | undefined,
  certKey: 'ca.crt' | 'tls.crt',
  keyKey: 'ca.key' | 'tls.key',
): Stored<ServingCertificate> {
  const [cert, key] = [readText(secret, certKey), readText(secret, keyKey)];
  const empty = cert === '' ? certKey : key === '' ? keyKey : undefined;
  if (empty !== undefined) return { ok: false, problem: `${empty} is missing or empty` };
  try {
    return { ok: true, pair: readServingCertificate(cert, key) };
  } catch (error) {
    // Without the advice, which is for people: here the pair is just created again.
    const cause = error instanceof CertificateError ? error.problem : 'unknown error';
    return { ok: false, problem: `${certKey} and ${keyKey} cannot be used: ${cause}` };
  }
}

function readText(secret: KubernetesObject | undefined, key: string): string {
  return Buffer.from(readString(secret, 'data', key), 'base64').toString('utf8');
}

function isFor(leaf: X509Certificate, name: string): boolean {
  // A wildcard is checked with a name that it covers, as a client does.
  return (isIP(name) === 0 ? leaf.checkHost(name.replace(/^\*/, 'any')) : leaf.checkIP(name)) !== undefined;
}
