import { memoize } from '../../text/memoize.ts';
import { isRecord, readPath } from '../../text/json.ts';
import type { KubernetesObject } from '../connection/api-server.ts';

export type NamespaceLabels = Readonly<Record<string, string>>;

/** The labels of a Namespace that are for pullguard: those of others are many, and nobody asks for them. Never throws. */
export function readNamespace(object: KubernetesObject): NamespaceLabels {
  const labels = readPath(object, 'metadata', 'labels');
  const ours = Object.entries(isRecord(labels) ? labels : {}).filter(
    ([label, value]) => label.startsWith('pullguard.dev/') && typeof value === 'string',
  );
  return share(JSON.stringify(Object.fromEntries(ours)));
}

/** One object for all namespaces with the same labels, as most have none. */
const share = memoize((written) => JSON.parse(written) as NamespaceLabels);
