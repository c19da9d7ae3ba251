import { readFileSync, readdirSync } from 'node:fs';

const REVIEWS = new URL('../fixtures/admission-reviews/', import.meta.url);

export type Json = Record<string, unknown>;

/** A review as a real API server sent it, by its file name without `.json`. */
export function recordedReview(name: string): { apiVersion: string; request: Json & { uid: string; object: Json } } {
  return JSON.parse(readFileSync(new URL(`${name}.json`, REVIEWS), 'utf8')) as ReturnType<typeof recordedReview>;
}

export function recordedNames(): readonly string[] {
  return readdirSync(REVIEWS).map((file) => file.replace(/\.json$/, ''));
}

/** The smallest pod that an API server takes, with one image and whatever else its spec is to hold. */
export function pod(image: string, spec: Json = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [{ name: 'app', image }], ...spec },
  };
}

/** A Deployment whose template is that pod. */
export function deployment(image: string, spec: Json = {}): Json {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: {}, template: { metadata: {}, spec: pod(image, spec)['spec'] } },
  };
}
