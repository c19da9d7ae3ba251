import type { ImageUse } from '../workload/workload.ts';

/** The pull policy of an image as it is written or, where it is not, as the API server will fill it in. */
export function findPullPolicy({ parsed, pullPolicy }: Pick<ImageUse, 'parsed' | 'pullPolicy'>): string {
  if (pullPolicy !== undefined && pullPolicy !== '') return pullPolicy;
  if (!parsed.ok) return 'IfNotPresent';
  const { tag, digest } = parsed.reference;
  return (tag ?? (digest === undefined ? 'latest' : '')) === 'latest' ? 'Always' : 'IfNotPresent';
}
