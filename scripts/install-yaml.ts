/**
 * Prints what `kubectl apply -k manifests` applies as one file, for users who install a release without its repository.
 *
 *     npm run --silent install:yaml -- [IMAGE] > install.yaml
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseReference } from '../src/image/parse-reference.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** `image`: the image of the Pods; by default the one in the manifests. @throws Error if it is not a valid image reference */
export function buildInstallYaml(image?: string): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const rendered = execFileSync('kubectl', ['kustomize', join(ROOT, 'manifests')], { encoding: 'utf8' });
  if (image !== undefined && !parseReference(image).ok) throw new Error(`${image} is not an image reference`);
  const written = `image: pullguard:${version}`;
  if (rendered.split(written).length !== 2) throw new Error(`manifests/ do not have "${written}" once`);
  return `# pullguard ${version}: kubectl apply -f install.yaml\n${rendered.replace(written, `image: ${image ?? `pullguard:${version}`}`)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(buildInstallYaml(process.argv[2]));
