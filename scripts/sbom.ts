import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BundledPackage } from './licences.ts';

type Lock = Readonly<{ packages: Readonly<Record<string, Readonly<{ version: string; integrity?: string }>>> }>;

/**
 * The packages in the bundle, as an SBOM in CycloneDX 1.6. Scanners find it in the image and in `node_modules`, where the
 * packages themselves are not. The same packages always result in the same text.
 */
export function writeSbom(packages: readonly BundledPackage[], root: string): string {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), 'utf8'));
  const own = read('package.json') as BundledPackage;
  const lock = read('package-lock.json') as Lock;
  const bom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { lifecycles: [{ phase: 'build' }], component: { type: 'application', ...toComponent(own) } },
    components: packages.map((each) => ({
      type: 'library',
      ...toComponent(each),
      scope: 'required',
      hashes: [findHash(each, lock)],
    })),
    dependencies: [{ ref: toPurl(own), dependsOn: packages.map(toPurl) }],
  };
  return `${JSON.stringify(bom, null, 1)}\n`;
}

function toComponent(one: BundledPackage): object {
  const purl = toPurl(one);
  return { 'bom-ref': purl, name: one.name, version: one.version, purl, licenses: [{ expression: one.license }] };
}

function toPurl({ name, version }: BundledPackage): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** The hash of the file that npm unpacked. */
function findHash({ name, version }: BundledPackage, { packages }: Lock): object {
  const suffix = `node_modules/${name}`;
  const found = Object.entries(packages).find(([path, each]) => path.endsWith(suffix) && each.version === version);
  const [, algorithm = '', base64 = ''] = /^sha(\d+)-(.*)$/.exec(found?.[1].integrity ?? '') ?? [];
  if (base64 === '') throw new Error(`${name}@${version} is bundled, and package-lock.json has no hash of it`);
  return { alg: `SHA-${algorithm}`, content: Buffer.from(base64, 'base64').toString('hex') };
}
