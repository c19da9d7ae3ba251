import { expect, test } from 'vitest';
import { check } from '../../src/cli/check.ts';
import { capturedIo } from '../support/captured-io.ts';

const FOLDER = 'test/fixtures/trials';

type Texts = Readonly<{ said: readonly string[]; unsaid: readonly string[] }>;

/** Manifests after what people run into, and what has to be said of each: every text is a part of the output. */
test.each<[file: string, policy: string | undefined, code: number, texts: Texts]>([
  ['openshift-trigger.yaml', undefined, 0, { said: ['1 workload checked'], unsaid: ['container "web"'] }],
  [
    'istio-auto.yaml',
    'policy-mirror.yaml',
    0,
    { said: ['1 workload checked'], unsaid: ['"auto"', 'dockerhub', 'default-secret'] },
  ],
  [
    'two-registries.yaml',
    'policy-mirror.yaml',
    0,
    {
      said: [
        'container "clickhouse": "docker.io/harbor.example.net/legacy/clickhouse:25.2.1": image has two registries',
        'container "certgen": "registry.k8s.io/k8s.gcr.io/ingress-nginx/kube-webhook-certgen:v1.0": image has two registries',
        '1 workload checked: 2 warnings, 2 notices',
      ],
      unsaid: ['  error '],
    },
  ],
  [
    'kinds-unknown.yaml',
    undefined,
    1,
    {
      said: ['Rollout/r', 'Service/k', 'Deployment/d (v1)', 'under workloads', '1 not checked'],
      unsaid: ['without images'],
    },
  ],
  [
    'pod-spec-at-root.yaml',
    'pod-spec-at-root.policy.yaml',
    1,
    { said: ['  error    container "c": "A:1"'], unsaid: [] },
  ],
  [
    'json-stream.json',
    undefined,
    1,
    { said: ['Pod/a\n', 'Pod/b\n', '2 workloads checked: 2 errors\n'], unsaid: ['error:'] },
  ],
])('%s', async (file, policy, code, { said, unsaid }) => {
  const io = capturedIo({});
  const config = policy === undefined ? {} : { config: `${FOLDER}/${policy}` };
  expect(await check([`${FOLDER}/${file}`], { output: 'text', ...config }, io)).toBe(code);
  for (const text of said) expect(io.printed.stdout).toContain(text);
  for (const text of unsaid) expect(io.printed.stdout).not.toContain(text);
});
