import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Metafile } from 'esbuild';

/** A package with code in the bundle. */
export type BundledPackage = Readonly<{
  name: string;
  version: string;
  license: string;
  /** Its licence, and its NOTICE if it has one. */
  texts: readonly string[];
}>;

/** The packages with at least one byte in the output, sorted by name. */
export function listPackages({ outputs }: Metafile, root: string): readonly BundledPackage[] {
  const folders = new Set(
    Object.values(outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => {
        const [, folder] = /^(.*\/?node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file) ?? [];
        return folder === undefined || bytesInOutput === 0 ? [] : [resolve(root, folder)];
      }),
    ),
  );
  return [...folders].map(readPackage).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readPackage(folder: string): BundledPackage {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as BundledPackage;
  const files = readdirSync(folder).filter((file) => /^(?:licen[cs]e|copying|notice)(?:\.(?:md|txt))?$/i.test(file));
  // Nearly every licence requires that copies include its text, so a package without a licence file cannot be bundled.
  if (files.length === 0) throw new Error(`${name}@${version} has no licence file: it cannot be bundled`);
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim());
  return { name, version, license, texts };
}

export function writeLicences(packages: readonly BundledPackage[]): string {
  const head = 'pullguard contains parts of the packages below, under their licences.\n';
  const parts = packages.map(
    ({ name, version, license, texts }) =>
      `${'='.repeat(79)}\n${name}@${version} (${license})\n\n${texts.join('\n\n')}\n`,
  );
  return [head, ...parts].join('\n');
}
