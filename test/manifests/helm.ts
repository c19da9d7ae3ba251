import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseDocuments, ROOT, type Manifest } from './manifests.ts';

export const CHART = join(ROOT, 'charts/pullguard');
export const HELM = spawnSync('helm', ['version'], { stdio: 'ignore' }).status === 0;

export type Rendered = Readonly<{ objects: readonly Manifest[]; hooks: readonly Manifest[]; stderr: string }>;

export function helm(args: readonly string[], values?: object): ReturnType<typeof runHelm> {
  return runHelm(values === undefined ? args : [...args, '--values', '-'], values);
}

function runHelm(args: readonly string[], values: object = {}) {
  // What is not said is not taken from the machine: its plugins, repositories and the cluster of its user.
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', KUBECONFIG: '/nonexistent' };
  return spawnSync('helm', args, { encoding: 'utf8', input: JSON.stringify(values), env });
}

/** What `helm install` would apply, in its order, and apart from it what `helm test` would. */
export function render(values: object = {}, release = 'pullguard', namespace = 'pullguard'): Rendered {
  const served = ['--api-versions', 'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy'];
  const flags = ['--namespace', namespace, '--kube-version', '1.30', ...served];
  const { status, stdout, stderr } = helm(['template', release, CHART, ...flags], values);
  if (status !== 0) throw new Error(stderr);
  // A document that renders to nothing.
  const all = parseDocuments(stdout).filter((manifest: Manifest | null) => manifest !== null);
  const isHook = ({ metadata }: Manifest): boolean => metadata.annotations?.['helm.sh/hook'] !== undefined;
  return { objects: all.filter((each) => !isHook(each)), hooks: all.filter(isHook), stderr };
}
