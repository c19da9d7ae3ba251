import type { ServiceAccount } from '../../pull/facts.ts';
import { memoize } from '../../text/memoize.ts';
import { isRecord, readPath, readString } from '../../text/json.ts';
import type { KubernetesObject } from '../connection/api-server.ts';

/** What is known of a ServiceAccount. Never throws: what has not the shape it should have is passed over. */
export function readServiceAccount(object: KubernetesObject): ServiceAccount {
  const references = readPath(object, 'imagePullSecrets');
  const pullSecrets = (Array.isArray(references) ? (references as readonly unknown[]) : []).flatMap((reference) =>
    isRecord(reference) && typeof reference['name'] === 'string' ? [reference['name']] : [],
  );
  const enforces = readString(object, 'metadata', 'annotations', 'kubernetes.io/enforce-mountable-secrets');
  return share(JSON.stringify({ pullSecrets, enforcesMountableSecrets: TRUE.test(enforces) } satisfies ServiceAccount));
}

/** What Go's `strconv.ParseBool` takes for true; to the API server anything else is false. */
const TRUE = /^(?:1|t|T|true|TRUE|True)$/;

/** One object for all service accounts that say the same, as most say nothing at all. */
const share = memoize((written) => JSON.parse(written) as ServiceAccount);
