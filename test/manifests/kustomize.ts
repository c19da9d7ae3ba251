import { spawnSync } from 'node:child_process';
import { parseDocuments, type Manifest } from './manifests.ts';

export const KUBECTL = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0;

/** What `kubectl apply -k` would apply of a folder. */
export function build(folder: string): readonly Manifest[] {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return parseDocuments(stdout);
}
