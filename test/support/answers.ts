import type { FailedAnswer } from '../../src/cause/describe-answer.ts';
import type { ClusterNode, ImageQuestion, NodeFacts, RegistryFacts } from '../../src/pull/facts.ts';
import type { FailedPull, ImageAnswer, PullableImage } from '../../src/cause/image-answer.ts';
import { formatReference, readReference } from '../../src/image/reference.ts';

export const ENDPOINT = 'harbor.example.com:443';

/** One of each failure that there is. */
export const FAILURES: readonly FailedPull[] = [
  { outcome: 'denied', asked: 'with-credentials', lacks: 'login' },
  { outcome: 'denied', asked: 'with-credentials', lacks: 'access' },
  { outcome: 'denied', asked: 'anonymously', lacks: 'login' },
  { outcome: 'denied', asked: 'anonymously', lacks: 'access' },
  { outcome: 'not-found', missing: 'repository' },
  { outcome: 'not-found', missing: 'image' },
  { outcome: 'certificate', problem: 'unknown' },
  { outcome: 'certificate', problem: 'expired' },
  { outcome: 'certificate', problem: 'wrong-name' },
  { outcome: 'unreachable', cause: 'dns' },
  { outcome: 'unreachable', cause: 'no-route' },
  { outcome: 'unreachable', cause: 'refused' },
  { outcome: 'unreachable', cause: 'reset' },
  { outcome: 'unreachable', cause: 'timeout' },
  { outcome: 'rate-limited', endsAt: undefined },
  { outcome: 'broken', said: 'HTTP 503' },
];

export function failed(failure: FailedPull, endpoint = ENDPOINT): FailedAnswer {
  return { endpoint, ...failure };
}

/** The answer for an image that is there, for one platform and of no known size unless that is special about it. */
export function pullable(special: Partial<PullableImage> = {}): ImageAnswer {
  return {
    endpoint: ENDPOINT,
    outcome: 'ok',
    digest: `sha256:${'a'.repeat(64)}`,
    sizes: [],
    platforms: ['linux/amd64'],
    ...special,
  };
}

/** Registries that give these answers, by address however it is written, and none to anything else; and what they were asked. */
export function registriesOf(
  answers: Readonly<Record<string, ImageAnswer>>,
): RegistryFacts & Readonly<{ asked: ImageQuestion[] }> {
  const known = new Map(
    Object.entries(answers).map(([image, answer]) => [formatReference(readReference(image)!), answer]),
  );
  const asked: ImageQuestion[] = [];
  return {
    asked,
    find: (question) => {
      asked.push(question);
      return known.get(formatReference(question.reference));
    },
  };
}

/** Nodes named `n0`, `n1` and so on, each as usual but for what is special about it. */
export function nodesOf(...special: readonly Partial<ClusterNode>[]): NodeFacts {
  const nodes = special.map((each, at): ClusterNode => ({
    name: `n${at}`,
    labels: {},
    platform: 'linux/amd64',
    isUnschedulable: false,
    hasDiskPressure: false,
    ephemeralStorageBytes: undefined,
    images: new Set(),
    ...each,
  }));
  return { list: () => nodes };
}
