import { describe, expect, test } from 'vitest';
import { admit } from '../../src/admission/admit.ts';
import { readReview, respond } from '../../src/admission/review.ts';
import { recordedNames, recordedReview } from '../support/objects.ts';
import { NOW } from '../support/facts.ts';
import { MIRRORED } from '../support/policies.ts';

const HUB = 'swr.eu-de.otc.t-systems.com/dockerhub';

/** What an API server gets back for each review it once sent, where that is more than "allowed". */
const ANSWERS: Readonly<Record<string, { mutate?: object; validate?: object }>> = {
  'cronjob-create': {
    validate: {
      warnings: [
        `notice: CronJob/cj container "c": Pods get the mirror's "${HUB}/library/nginx:1.25" instead of "nginx:1.25" (mirror-used)`,
        `notice: CronJob/cj container "c": Pods get imagePullSecret "default-secret" (needed by "${HUB}/library/nginx:1.25") (pull-secret-present)`,
      ],
    },
  },
  'deployment-create-dry-run': {
    validate: {
      warnings: [
        `notice: Deployment/dr container "nginx": Pods get the mirror's "${HUB}/library/nginx" instead of "nginx" (mirror-used)`,
        `notice: Deployment/dr container "nginx": Pods get imagePullSecret "default-secret" (needed by "${HUB}/library/nginx") (pull-secret-present)`,
      ],
    },
  },
  'job-create-generate-name': {
    validate: {
      warnings: [
        'notice: Job/job-ct8tl container "c": Pods get imagePullSecret "default-secret" (needed by "swr.eu-de.otc.t-systems.com/group/hpa-example:latest") (pull-secret-present)',
      ],
    },
  },
  'pod-create-sa-pull-secret': {
    mutate: {
      patch: [
        { op: 'replace', path: '/spec/initContainers/0/image', value: `${HUB}/library/busybox` },
        { op: 'add', path: '/spec/imagePullSecrets/-', value: { name: 'default-secret' } },
      ],
      warnings: [
        `notice: Pod/sapod init container "i": replaced "busybox" with the mirror's "${HUB}/library/busybox" (mirror-used)`,
        `notice: Pod/sapod init container "i": added imagePullSecret "default-secret" (needed by "${HUB}/library/busybox") (pull-secret-present)`,
      ],
    },
    validate: {
      warnings: [
        `Pod/sapod init container "i": "busybox": image comes from docker.io, which has a mirror: use "${HUB}/library/busybox" (mirror-used)`,
      ],
    },
  },
  'pod-create-scheme-in-image': {
    validate: {
      denied:
        'container "c": spec.containers[0].image: Invalid value: "https://registry.example.com/foo:v1": InvalidImageName: an image has no scheme: remove "https://"; did you mean "registry.example.com/foo:v1"? (reference-valid)',
    },
  },
  'pod-update-ephemeralcontainers': {
    validate: {
      warnings: [
        `Pod/sapod ephemeral container "dbg": "busybox:1.36": image comes from docker.io, which has a mirror: use "${HUB}/library/busybox:1.36" (mirror-used)`,
      ],
    },
  },
  'podtemplate-create-digest': {
    validate: {
      warnings: [
        `notice: PodTemplate/pt container "c": Pods get the mirror's "${HUB}/library/redis@sha256:7e3e5a1c5a3e9c2b7d3a0d5c5a3e9c2b7d3a0d5c5a3e9c2b7d3a0d5c5a3e9c2b" instead of "docker.io/library/r…9c2b7d3a0d5c5a3e9c2b" (mirror-used)`,
        `notice: PodTemplate/pt container "c": Pods get imagePullSecret "default-secret" (needed by "swr.eu-de.otc.t-systems.com/dockerhub/l…9c2b7d3a0d5c5a3e9c2b") (pull-secret-present)`,
      ],
    },
  },
  'statefulset-create-uppercase-image': {
    validate: {
      denied:
        'container "c": spec.template.spec.containers[0].image: Invalid value: "NGINX:1.25": InvalidImageName: repository name must be lowercase; did you mean "nginx:1.25"? (reference-valid)',
    },
  },
};

/** Requests that are admitted unchecked. */
const EXEMPT: Readonly<Record<string, string>> = {
  'cronjob-delete': 'operation',
  'deployment-scale': 'not-a-workload',
  'deployment-update-status': 'subresource',
  'pod-delete': 'operation',
  'replicaset-create-owned': 'owned',
};

function answer(name: string, endpoint: 'mutate' | 'validate') {
  const read = readReview(recordedReview(name));
  if (!read.ok) throw new Error(read.problem);
  const admission = admit(read.review.request, endpoint, MIRRORED, { facts: {}, now: NOW });
  const { patch, warnings, status, allowed, uid } = respond(read.review, admission).response;
  const readable = {
    ...(!allowed && { denied: status?.message }),
    ...(patch !== undefined && { patch: JSON.parse(Buffer.from(patch, 'base64').toString()) as unknown }),
    ...(warnings !== undefined && { warnings }),
  };
  return { uid, exempt: admission.exempt, readable };
}

describe('a real API server gets the answer that its users should see', () => {
  test.each(recordedNames().flatMap((name) => [[name, 'mutate'] as const, [name, 'validate'] as const]))(
    '%s, %s',
    (name, endpoint) => {
      const { uid } = recordedReview(name).request;
      expect(answer(name, endpoint)).toEqual({ uid, exempt: EXEMPT[name], readable: ANSWERS[name]?.[endpoint] ?? {} });
    },
  );

  test('every answer written here is to a review that was recorded', () => {
    expect(recordedNames()).toEqual(expect.arrayContaining([...Object.keys(ANSWERS), ...Object.keys(EXEMPT)]));
    expect(recordedNames()).toHaveLength(20);
  });
});
