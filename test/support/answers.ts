import type { FailedAnswer } from '../../src/cause/answer.ts';
import type { ClusterNode, ImageQuestion, NodeFacts, RegistryFacts } from '../../src/pull/facts.ts';
import type { FailedPull, ImageAnswer, PullableImage } from '../../src/cause/answer.ts';
import { formatReference, readReference } from '../../src/image/reference.ts';

export const ENDPOINT = 'harbor.example.com:443';

/** One of each failure that there is. */
export const FAILURES: readonly FailedPull[] = [
  { outcome: 'failed', cause: 'credentials-refused' },
  { outcome: 'failed', cause: 'access-denied' },
  { outcome: 'failed', cause: 'credentials-missing' },
  { outcome: 'failed', cause: 'anonymous-denied' },
  { outcome: 'failed', cause: 'repository-not-found' },
  { outcome: 'failed', cause: 'image-not-found' },
  { outcome: 'failed', cause: 'token-denied' },
  { outcome: 'failed', cause: 'token-denied-anonymous' },
  { outcome: 'failed', cause: 'access-blocked' },
  { outcome: 'failed', cause: 'web-page-not-found' },
  { outcome: 'failed', cause: 'schema-1' },
  { outcome: 'failed', cause: 'not-an-image', artifact: 'a Helm chart' },
  { outcome: 'failed', cause: 'web-page', fault: { what: 'web-page', number: 403 } },
  { outcome: 'failed', cause: 'unknown-ca' },
  { outcome: 'failed', cause: 'certificate-expired' },
  { outcome: 'failed', cause: 'certificate-wrong-host' },
  { outcome: 'failed', cause: 'no-such-host' },
  { outcome: 'failed', cause: 'no-route' },
  { outcome: 'failed', cause: 'connection-refused' },
  { outcome: 'failed', cause: 'connection-reset' },
  { outcome: 'failed', cause: 'timeout' },
  { outcome: 'failed', cause: 'rate-limited', endsAt: undefined },
  { outcome: 'failed', cause: 'platform-missing', platform: 'linux/amd64' },
  { outcome: 'failed', cause: 'server-error', fault: { what: 'status', number: 503 } },
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
    get: (question) => {
      asked.push(question);
      const answer = known.get(formatReference(question.reference));
      return answer === undefined ? 'unasked' : { answer, isDue: false };
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
    listsAllImages: true,
    ...each,
  }));
  return { list: () => nodes };
}
