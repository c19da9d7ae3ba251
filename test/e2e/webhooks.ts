import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Kubectl } from './kubectl.ts';

export const MANIFESTS = join(import.meta.dirname, '..', '..', 'manifests');

export type Rule = Readonly<{
  apiGroups: string[];
  apiVersions: string[];
  resources: string[];
  operations: string[];
  scope: string;
}>;

type Webhook = Readonly<{ name: string; clientConfig: { service: object }; rules: Rule[] }>;

export type Manifest = Readonly<{ kind: string; metadata: { name: string } }>;
type WebhookConfiguration = Manifest & Readonly<{ webhooks: Webhook[] }>;

/** What `kubectl apply -k manifests/…` would apply. */
export async function renderManifests(kubectl: Kubectl, overlay: string): Promise<readonly Manifest[]> {
  const { code, stdout, stderr } = await kubectl(['kustomize', join(MANIFESTS, overlay)]);
  if (code !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

export function isWebhookConfiguration(manifest: Manifest): manifest is WebhookConfiguration {
  return manifest.kind.endsWith('WebhookConfiguration');
}

export type Registration = Readonly<{
  port: number;
  ca: string;
  /** For the kinds that the policy adds, as docs and comments tell operators to add them. */
  validatingRules?: readonly Rule[];
  /** Of both a configuration with one webhook and that webhook, to register another one beside pullguard's own. */
  name?: string;
}>;

/** The configuration of the manifests, with nothing changed but where pullguard is: outside the cluster, it has no Service. */
export function pointAt(configuration: WebhookConfiguration, registration: Registration): object {
  const { port, ca, validatingRules = [], name } = registration;
  const isValidating = configuration.kind === 'ValidatingWebhookConfiguration';
  const added = isValidating ? validatingRules : [];
  return {
    ...configuration,
    metadata: { ...configuration.metadata, ...(name !== undefined && { name }) },
    webhooks: configuration.webhooks.map(({ rules, ...webhook }, at) => ({
      ...webhook,
      ...(name !== undefined && { name }),
      clientConfig: {
        url: `https://127.0.0.1:${port}/${isValidating ? 'validate' : 'mutate'}`,
        caBundle: Buffer.from(ca).toString('base64'),
      },
      // The first is the one for workloads.
      rules: at === 0 ? [...rules, ...added] : rules,
    })),
  };
}
