import type { Keyring, KeyringEntry, ReadKeyring } from '../../pull/keyring.ts';
import { readKeyring } from '../../pull/pull-secret.ts';
import { MOST_CREDENTIAL_KEYS, MOST_PULL_SECRETS } from '../../text/bounds.ts';
import { isLabel, isSubdomain } from '../../text/kubernetes-name.ts';
import { readString } from '../../text/json.ts';
import { ApiError, type ApiServer, type KubernetesObject } from '../connection/api-server.ts';
import { listPages } from '../connection/list.ts';
import { pathOf, type SecretsMode } from './fact-collections.ts';

export type KeyringReaderOptions = Readonly<{
  api: ApiServer;
  secrets: SecretsMode;
  /** The names that `default-secret-only` may read. Called each time, as a new policy may have others. */
  pullSecretNames: () => readonly string[];
}>;

/** For all of them together, as an admission waits for it. */
const TIMEOUT_MS = 2000;

/**
 * Reads pull secrets for each question, without keeping anything. Secrets that the mode does not allow are not read, and the
 * keyring is then incomplete. It is also incomplete if kubelet cannot read one of them, as kubelet then pulls no image of the
 * Pod, or if a limit is exceeded.
 *
 * Rejects if the API server does not respond or refuses. The error names the Secret, but contains nothing of it.
 */
export function createKeyringReader({ api, secrets, pullSecretNames }: KeyringReaderOptions): ReadKeyring {
  return async (namespace, pullSecrets) => {
    const names = [...new Set(pullSecrets)];
    const deadline = performance.now() + TIMEOUT_MS;
    const entries: KeyringEntry[] = [];
    let isComplete = names.length <= MOST_PULL_SECRETS;
    // One after the other, as kubelet does: all at once could be 50 responses at a time.
    for (const name of names.slice(0, MOST_PULL_SECRETS)) {
      const keyring = await readSecret(namespace, name, Math.max(1, Math.ceil(deadline - performance.now())));
      const isRoom = entries.length + keyring.entries.length <= MOST_CREDENTIAL_KEYS;
      if (isRoom) entries.push(...keyring.entries);
      isComplete &&= isRoom && keyring.isComplete;
    }
    return { entries, isComplete };
  };

  async function readSecret(namespace: string, name: string, timeoutMs: number): Promise<Keyring> {
    // Both are text of users, for a path and a selector. No object has an invalid name.
    if (!isLabel(namespace) || !isSubdomain(name)) return NOTHING;
    if (!mayRead(name)) return UNKNOWN;
    const secret = await fetchSecret(api, { namespace, name, timeoutMs });
    if (secret === 'too-large') return UNKNOWN;
    return secret === undefined ? NOTHING : readKeyring(secret);
  }

  function mayRead(name: string): boolean {
    return secrets === 'all' || (secrets === 'default-secret-only' && pullSecretNames().includes(name));
  }
}

const NOTHING: Keyring = { entries: [], isComplete: true };
const UNKNOWN: Keyring = { entries: [], isComplete: false };

/** A list by name, like the watch: the role grants list and watch by name, but not `get`. */
async function fetchSecret(
  api: ApiServer,
  { namespace, name, timeoutMs }: Readonly<{ namespace: string; name: string; timeoutMs: number }>,
): Promise<KubernetesObject | 'too-large' | undefined> {
  // There is at most one.
  const options = { fieldSelector: `metadata.name=${name}`, timeoutMs, pageSize: 1 };
  try {
    for await (const { items, tooLarge } of listPages(api, pathOf({ resource: 'secrets' }, namespace), options)) {
      if (tooLarge !== undefined) return 'too-large';
      const found = items.find((item) => readString(item, 'metadata', 'name') === name);
      if (found !== undefined) return found;
    }
    return undefined;
  } catch (error) {
    // Without the cause, and without the message of other errors, as they might show parts of the response.
    throw new Error(`cannot read pull secret "${namespace}/${name}": ${describeFailure(error, name)}`);
  }
}

function describeFailure(error: unknown, name: string): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.name : 'unknown error';
  if (error.status !== 403) return error.message;
  return `${error.message}: grant the verb "list" on secrets, at least with resourceNames ["${name}"]`;
}
