import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { Policy } from '../../src/engine/rule.ts';
import { isExemptNamespace } from '../../src/policy/policy.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BASE = 'manifests/base';

type Metadata = Readonly<{
  name: string;
  namespace?: string;
  labels?: Readonly<Record<string, string>>;
  annotations?: Readonly<Record<string, string>>;
}>;
export type Manifest = Readonly<{ kind: string; metadata: Metadata }>;
type Labels = Readonly<Record<string, string>>;
type Selector = Readonly<{ matchLabels: Labels }>;
type ConfigMap = Manifest & Readonly<{ data: Readonly<Record<string, string>> }>;
type Secret = Manifest & Readonly<{ type: string; data: Readonly<Record<string, string>> }>;
type ServiceAccount = Manifest & Readonly<{ automountServiceAccountToken: boolean; imagePullSecrets: unknown }>;

type Kustomization = Readonly<{
  resources: readonly string[];
  configMapGenerator: readonly Readonly<{
    name: string;
    namespace: string;
    files: readonly string[];
    options: Readonly<Record<string, unknown>>;
  }>[];
}>;

type Probe = Readonly<{ httpGet: Readonly<{ path: string; port: string }> }>;
type Container = Readonly<
  {
    image: string;
    args: readonly string[];
    env: readonly Readonly<{ name: string; value: string }>[];
    ports: readonly Readonly<{ name: string; containerPort: number }>[];
    volumeMounts: readonly Readonly<{ name: string; mountPath: string; readOnly?: boolean; subPath?: string }>[];
    resources: Readonly<{ requests: Labels; limits: Labels }>;
    securityContext: unknown;
  } & Record<'startupProbe' | 'livenessProbe' | 'readinessProbe', Probe>
>;
type Volume = Readonly<{
  name: string;
  configMap?: Readonly<{ name: string }>;
  secret?: Readonly<{ secretName: string; defaultMode: number }>;
}>;
export type PodSpec = Readonly<{
  serviceAccountName: string;
  automountServiceAccountToken: boolean;
  terminationGracePeriodSeconds: number;
  topologySpreadConstraints: readonly Readonly<{
    topologyKey: string;
    whenUnsatisfiable: string;
    labelSelector: Selector;
  }>[];
  securityContext: Readonly<{ runAsUser: number; runAsGroup: number; fsGroup?: number }>;
  containers: readonly Container[];
  volumes: readonly Volume[];
}>;
export type Deployment = Manifest &
  Readonly<{
    spec: Readonly<{
      replicas: number;
      strategy: Readonly<{ rollingUpdate: unknown }>;
      selector: Selector;
      template: Readonly<{ metadata: Readonly<{ labels: Labels; annotations: Labels }>; spec: PodSpec }>;
    }>;
  }>;
type Service = Manifest &
  Readonly<{ spec: Readonly<{ selector: Labels; ports: readonly Readonly<{ port: number; targetPort: string }>[] }> }>;
type PodDisruptionBudget = Manifest & Readonly<{ spec: Readonly<{ selector: Selector; minAvailable?: unknown }> }>;

export type Webhook = Readonly<{
  name: string;
  clientConfig: Readonly<{ service?: object; url?: string; caBundle?: string }>;
  rules: readonly Readonly<{
    apiGroups: readonly string[];
    apiVersions: readonly string[];
    resources: readonly string[];
    operations: readonly string[];
    scope: string;
  }>[];
  matchPolicy: string;
  namespaceSelector: Readonly<{
    matchExpressions: readonly Readonly<{ key: string; operator: string; values: readonly string[] }>[];
  }>;
  reinvocationPolicy?: string;
  sideEffects: string;
  timeoutSeconds: number;
  failurePolicy: string;
}>;
export type WebhookConfiguration = Manifest & Readonly<{ webhooks: readonly Webhook[] }>;

export type PolicyRule = Readonly<{
  apiGroups: readonly string[];
  resources: readonly string[];
  verbs: readonly string[];
  resourceNames?: readonly string[];
}>;
export type Role = Manifest & Readonly<{ kind: 'Role' | 'ClusterRole'; rules: readonly PolicyRule[] }>;
export type RoleBinding = Manifest &
  Readonly<{
    kind: 'RoleBinding' | 'ClusterRoleBinding';
    roleRef: Readonly<{ apiGroup: string; kind: string; name: string }>;
    subjects: readonly Readonly<{ kind: string; name: string; namespace: string }>[];
  }>;

/** The kinds of which there is one object. */
type Kinds = Readonly<{
  Namespace: Manifest;
  ConfigMap: ConfigMap;
  Secret: Secret;
  ServiceAccount: ServiceAccount;
  Deployment: Deployment;
  Service: Service;
  PodDisruptionBudget: PodDisruptionBudget;
  MutatingWebhookConfiguration: WebhookConfiguration;
  ValidatingWebhookConfiguration: WebhookConfiguration;
}>;

/** What tools that list applications look for, in order. */
export const RECOMMENDED_LABELS = ['component', 'instance', 'managed-by', 'name', 'part-of', 'version'].map(
  (name) => `app.kubernetes.io/${name}`,
);

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function parseDocuments(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

export function find<Kind extends keyof Kinds>(manifests: readonly Manifest[], kind: Kind): Kinds[Kind] {
  const [found, ...others] = manifests.filter((manifest) => manifest.kind === kind);
  if (found === undefined || others.length > 0) throw new Error(`${others.length + 1} objects of kind ${kind}, not 1`);
  return found as Kinds[Kind];
}

export function isRole(manifest: Manifest): manifest is Role {
  return manifest.kind === 'Role' || manifest.kind === 'ClusterRole';
}

export function isRoleBinding(manifest: Manifest): manifest is RoleBinding {
  return manifest.kind === 'RoleBinding' || manifest.kind === 'ClusterRoleBinding';
}

export function configurationsOf(manifests: readonly Manifest[]): readonly WebhookConfiguration[] {
  return [find(manifests, 'MutatingWebhookConfiguration'), find(manifests, 'ValidatingWebhookConfiguration')];
}

/** Every webhook of both configurations: those that change and judge workloads, and the one that looks at namespaces. */
export function webhooksOf(
  manifests: readonly Manifest[],
): Readonly<Record<'mutating' | 'validating' | 'ofNamespaces', Webhook>> {
  const byName = new Map(
    configurationsOf(manifests).flatMap(({ webhooks }) => webhooks.map((each) => [each.name, each])),
  );
  expect([...byName.keys()]).toEqual(['mutate.pullguard.dev', 'validate.pullguard.dev', 'namespaces.pullguard.dev']);
  return {
    mutating: byName.get('mutate.pullguard.dev')!,
    validating: byName.get('validate.pullguard.dev')!,
    ofNamespaces: byName.get('namespaces.pullguard.dev')!,
  };
}

export function podOf(manifests: readonly Manifest[]): PodSpec {
  return find(manifests, 'Deployment').spec.template.spec;
}

/** `['serve', '--port=8443', '--service', 'pullguard']` → port: 8443, service: pullguard */
export function readFlags({ containers }: PodSpec): ReadonlyMap<string, string> {
  const { args } = containers[0]!;
  return new Map(
    args.flatMap((arg, at): readonly [string, string][] => {
      const [, name, value = args[at + 1]] = /^--([a-z-]+)(?:=(.+))?$/.exec(arg) ?? [];
      return name === undefined || value === undefined || value.startsWith('--') ? [] : [[name, value]];
    }),
  );
}

/** Whether they are told a flag that has no value. */
export function hasSwitch({ containers }: PodSpec, name: string): boolean {
  return containers[0]!.args.includes(`--${name}`);
}

export function volumeOf({ volumes }: PodSpec, name: string): Volume | undefined {
  return volumes.find((candidate) => candidate.name === name);
}

export function mountPathOf({ containers }: PodSpec, name: string): string | undefined {
  return containers[0]!.volumeMounts.find((mount) => mount.name === name)?.mountPath;
}

const kustomization = parse(readText(`${BASE}/kustomization.yaml`)) as Kustomization;

/** What is installed by default, as it is written: all but the ConfigMap that is made of the policy. */
export const objects = kustomization.resources.flatMap((file) => parseDocuments(readText(`${BASE}/${file}`)));
export const policyGenerator = kustomization.configMapGenerator[0]!;
export const policyText = readText(`${BASE}/policy.yaml`);

/** The name by which the API server calls the webhook, and which it looks for in the certificate. */
export const SERVICE_NAME = nameService(find(objects, 'Service'));

function nameService({ metadata }: Service): string {
  return `${metadata.name}.${metadata.namespace ?? ''}.svc`;
}

/** A policy in what can be compared: a glob is a list of functions. */
export function describePolicy(policy: Policy): unknown {
  const { registries, mirrors, rules, exempt, skip, kinds, probe } = policy;
  return {
    registries: registries.map((registry) => [
      registry.hosts.map(({ text }) => text),
      registry.pullSecret,
      registry.probe,
    ]),
    mirrors,
    rules: rules.map(({ rule, action, fix, options }) => [rule.id, action, fix, options]),
    namespaces: [exempt.namespaces.length, isExemptNamespace(policy, 'kube-system')],
    images: exempt.images.map(({ text }) => text),
    skip: [[...skip.rules], skip.namespaces.length],
    kinds: [...kinds.keys()],
    probe,
  };
}

/** The fenced blocks of a page in a language. */
export function readBlocks(path: string, language: string): readonly string[] {
  const fence = '```';
  const pattern = new RegExp(`^ *${fence}${language}\n([^]*?)^ *${fence}$`, 'gm');
  return [...readText(path).matchAll(pattern)].map(([, block = '']) => block);
}
