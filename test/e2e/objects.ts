/** The kinds that name images, each with an object of it around a pod spec. */
export const KINDS = {
  Pod: (name, spec) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec }),
  PodTemplate: (name, spec) => ({
    apiVersion: 'v1',
    kind: 'PodTemplate',
    metadata: { name },
    template: template(name, spec),
  }),
  ReplicationController: (name, spec) => ({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name },
    spec: { selector: { app: name }, template: template(name, spec) },
  }),
  Deployment: (name, spec) => withSelector('Deployment', name, spec),
  ReplicaSet: (name, spec) => withSelector('ReplicaSet', name, spec),
  DaemonSet: (name, spec) => withSelector('DaemonSet', name, spec),
  StatefulSet: (name, spec) => withSelector('StatefulSet', name, spec),
  Job: (name, spec) => ({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec: jobSpec(name, spec) }),
  CronJob: (name, spec) => ({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name },
    spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: jobSpec(name, spec) } },
  }),
} satisfies Record<string, (name: string, spec: PodSpec) => object>;

export type Kind = keyof typeof KINDS;

export type Container = { name: string; image: string };
export type PodSpec = {
  containers: readonly Container[];
  initContainers?: readonly Container[];
  ephemeralContainers?: readonly Container[];
  volumes?: readonly object[];
  imagePullSecrets?: readonly { name: string }[];
  serviceAccountName?: string;
  nodeName?: string;
  nodeSelector?: Readonly<Record<string, string>>;
};

/** An object of a kind. An image alone stands for a pod with one container, `app`. */
export function make(kind: Kind, name: string, spec: PodSpec | string): object {
  return KINDS[kind](name, typeof spec === 'string' ? { containers: [{ name: 'app', image: spec }] } : spec);
}

/** A kind `Rollout` with anything in it; the last version is the one that is stored. */
export function makeRolloutDefinition(group: string, ...versions: readonly string[]): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `rollouts.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind: 'Rollout', plural: 'rollouts', singular: 'rollout' },
      versions: versions.map((name) => ({
        name,
        served: true,
        storage: name === versions.at(-1),
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      })),
    },
  };
}

/** A pull secret with a login for one registry. */
export function makePullSecret(name: string, host: string, login = 'user:password', metadata: object = {}): object {
  const config = JSON.stringify({ auths: { [host]: { auth: Buffer.from(login).toString('base64') } } });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, ...metadata },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(config).toString('base64') },
  };
}

/** The Deployment of the FAQ, in the API group that Deployments have had since Kubernetes 1.16. */
export const FAQ_DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: nginx
spec:
  replicas: 1
  selector:
    matchLabels:
      app: nginx
  strategy:
    type: RollingUpdate
  template:
    metadata:
      labels:
        app: nginx
    spec:
      containers:
      - image: nginx
        imagePullPolicy: Always
        name: nginx
      imagePullSecrets:
      - name: default-secret
`;

function template(name: string, spec: PodSpec): object {
  return { metadata: { labels: { app: name } }, spec };
}

function withSelector(kind: string, name: string, spec: PodSpec): object {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: {
      ...(kind === 'StatefulSet' && { serviceName: name }),
      selector: { matchLabels: { app: name } },
      template: template(name, spec),
    },
  };
}

function jobSpec(name: string, spec: PodSpec): object {
  return { template: template(name, { ...spec, restartPolicy: 'Never' } as PodSpec) };
}
