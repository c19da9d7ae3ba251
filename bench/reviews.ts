import { readFileSync } from 'node:fs';

export type Sample = Readonly<{ name: string; path: '/mutate' | '/validate'; body: string }>;

const RECORDED = new URL('../test/fixtures/admission-reviews/', import.meta.url);

/** Reviews of usual sizes. Both Pods get an image from a mirror and a pull secret, which is the most work. */
export function readSamples(): readonly Sample[] {
  const recorded = readReview('pod-create-from-replicaset.json');
  const deployment = readReview('deployment-create.json');
  return [
    { name: '2 kB pod, mutate', path: '/mutate', body: JSON.stringify(podReview(recorded, 2_000)) },
    { name: '50 kB pod, mutate', path: '/mutate', body: JSON.stringify(podReview(recorded, 50_000)) },
    { name: 'Deployment, validate', path: '/validate', body: JSON.stringify(deployment) },
  ];
}

/** Reviews of new Pods, each with one of these images, in namespace `default` and with its `default-secret`. */
export function podReviews(images: readonly string[]): readonly string[] {
  const recorded = readReview('pod-create-from-replicaset.json');
  return images.map((image) => {
    const review = podReview(recorded, 0);
    const { spec } = review.request.object;
    const containers = [{ name: 'app', image, resources: {}, imagePullPolicy: 'IfNotPresent' }];
    review.request.object.spec = { ...spec, containers, imagePullSecrets: [{ name: 'default-secret' }] };
    review.request.namespace = review.request.object.metadata['namespace'] = 'default';
    return JSON.stringify(review);
  });
}

/** A review of 6 MB: with one long text, or of a Deployment with 17,000 images that no runtime can parse. */
export function largeReview(kind: 'text' | 'findings'): string {
  const review = readReview('deployment-create.json');
  const { spec } = review.request.object.spec['template'] as { spec: Record<string, unknown> };
  const containers = Array.from({ length: kind === 'text' ? 1 : 17_000 }, (_, at) => ({
    name: `c${at}`,
    image: `NGINX:${at}`,
  }));
  spec['containers'] = containers;
  const left = 6_000_000 - JSON.stringify(review).length;
  spec['containers'] = [...containers, { name: 'last', image: 'nginx', args: ['x'.repeat(left)] }];
  return JSON.stringify(review);
}

type Review = {
  request: { namespace: string; object: { metadata: Record<string, unknown>; spec: Record<string, unknown> } };
};

function readReview(name: string): Review {
  return JSON.parse(readFileSync(new URL(name, RECORDED), 'utf8')) as Review;
}

/** A review of a Pod with a Docker Hub image and no pull secret, filled to a size in bytes with environment variables. */
function podReview(recorded: Review, bytes: number): Review {
  const review = structuredClone(recorded);
  const { metadata, spec } = review.request.object;
  delete metadata['managedFields'];
  const env: { name: string; value: string }[] = [];
  review.request.object.spec = {
    containers: [{ name: 'app', image: 'nginx:1.25', env, resources: {}, imagePullPolicy: 'IfNotPresent' }],
    restartPolicy: spec['restartPolicy'],
    serviceAccountName: 'default',
  };
  while (JSON.stringify(review).length < bytes)
    env.push({ name: `SETTING_${env.length}`, value: 'a value of usual length' });
  return review;
}
