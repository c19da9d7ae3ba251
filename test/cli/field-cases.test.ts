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
        'test/fixtures/trials/two-registries.yaml:9:7: warn: Deployment/double container "clickhouse": Pods get imagePullSecret "default-secret" (needed by "swr.eu-de.otc.t-systems.com/dockerhub/h…cy/clickhouse:25.2.1") (pull-secret-present)\ntest/fixtures/trials/two-registries.yaml:10:38: warn: Deployment/double container "clickhouse": "docker.io/harbor.example.net/legacy/clickhouse:25.2.1": image has two registries: remove "docker.io" or "harbor.example.net" (reference-valid)\ntest/fixtures/trials/two-registries.yaml:10:38: warn: Deployment/double container "clickhouse": Pods get the mirror\'s "swr.eu-de.otc.t-systems.com/dockerhub/harbor.example.net/legacy/clickhouse:25.2.1" instead of "docker.io/harbor.ex…cy/clickhouse:25.2.1" (mirror-used)\ntest/fixtures/trials/two-registries.yaml:11:35: warn: Deployment/double container "certgen": "registry.k8s.io/k8s.gcr.io/ingress-nginx/kube-webhook-certgen:v1.0": image has two registries: remove "registry.k8s.io" or "k8s.gcr.io" (reference-valid)\nremedy (reference-valid): Write the image as registry/repository:tag, or as repository:tag for Docker Hub.\nnot checked: service-account-secrets-kept, which needs ServiceAccounts\nnot checked: pull-secret-usable, which needs pull secrets and ServiceAccounts\n1 workload checked: 0 to be denied, 4 to be warned about\n',
      ],
      unsaid: ['  error '],
    },
  ],
  [
    'kinds-unknown.yaml',
    undefined,
    0,
    {
      said: [
        'Rollout/r',
        'Service/k',
        'Template/t',
        'Deployment/d (v1)',
        'under workloads',
        '4 objects with images not checked',
      ],
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
