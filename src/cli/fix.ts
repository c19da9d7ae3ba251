import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { readDocument } from '../manifest/document.ts';
import { describeCause, readText } from '../manifest/files.ts';
import type { Manifest, ManifestObject } from '../manifest/read-manifests.ts';
import { readWhole, replaceFile } from '../manifest/replace-file.ts';
import { readPath, readString } from '../text/json.ts';
import { formatDiff } from '../text/unified-diff.ts';
import type { Finding } from '../engine/evaluate.ts';
import { fixManifest, type Fixed, type FixedText, type Unfixed } from './fix-manifests.ts';
import type { FixTerms } from './plan-fixes.ts';

/** `write`: changes files, and prints the fixed text of standard input. `diff`: changes nothing, and prints the differences. */
export type FixMode = 'write' | 'diff';

/** A text that was read, or why it could not be. */
export type ReadManifest = Readonly<{ file: string; text?: string; manifest: Manifest | undefined; problem?: string }>;

export type FixReport = Readonly<{ mode: FixMode; fixed: readonly Fixed[]; unfixed: readonly Unfixed[] }>;

export type FixOutcome = Readonly<{
  /** The same texts after the fixes. */
  read: readonly ReadManifest[];
  report: FixReport;
  /** Files that could not be written. */
  errors: readonly Readonly<{ file: string; message: string }>[];
  /** What goes to standard output: the difference, or the text of standard input. */
  printed: string;
}>;

export const STDIN = '<stdin>';

type Terms = Pick<FixTerms, 'policy' | 'facts' | 'large'> &
  Readonly<{ isHidden: (finding: Finding, manifest: ManifestObject, file: string) => boolean }>;

/** Fixes texts one by one; if one file fails, the others are still fixed. */
export function fixAll(read: readonly ReadManifest[], mode: FixMode, terms: Terms): FixOutcome {
  const named = new Set(read.flatMap(({ file, text }) => (text === undefined ? [] : listReplaced(file, text))));
  const done = read.map((one) => fixOne(one, mode, { ...terms, named }));
  return {
    read: done.map(({ read: now }) => now),
    report: {
      mode,
      fixed: done.flatMap(({ fixed }) => fixed),
      unfixed: done.flatMap(({ unfixed }) => unfixed),
    },
    errors: done.flatMap(({ error }) => error ?? []),
    printed: done.map(({ printed }) => printed).join(''),
  };
}

type Done = Pick<FixedText, 'fixed' | 'unfixed'> &
  Readonly<{ read: ReadManifest; printed: string; error?: FixOutcome['errors'][number] }>;

function fixOne(
  read: ReadManifest,
  mode: FixMode,
  { named, ...terms }: Terms & Readonly<{ named: ReadonlySet<string> }>,
): Done {
  const { file, text, manifest } = read;
  const isStdin = file === STDIN;
  const nothing = { read, fixed: [], unfixed: [], printed: isStdin && mode === 'write' ? (text ?? '') : '' };
  if (text === undefined || manifest === undefined) return nothing;
  const plan = (whole: string): FixedText => {
    const replacedImages = new Set([...named, ...(isStdin ? [] : listReplacedBeside(file))]);
    const isHidden: FixTerms['isHidden'] = (finding, object) => terms.isHidden(finding, object, file);
    return fixManifest(file, whole, manifest, { ...terms, isHidden, replacedImages });
  };
  try {
    const whole = isStdin ? text : readWhole(file);
    const { fixed, unfixed, replacements, ...now } = plan(whole);
    if (mode === 'diff') return { ...nothing, fixed, unfixed, printed: formatDiff(file, whole, replacements) };
    if (replacements.length === 0) return { ...nothing, unfixed };
    if (!isStdin) replaceFile(file, whole, now.text);
    return { read: { ...read, ...now }, fixed, unfixed, printed: isStdin ? now.text : '' };
  } catch (error) {
    return { ...nothing, error: { file, message: `cannot be fixed: ${describeCause(error)}` } };
  }
}

const KUSTOMIZATION = /(?:^|[\\/])(?:kustomization\.ya?ml|Kustomization)$/;

/** The names under `images` of a kustomization, which select the images that it changes. */
function listReplaced(file: string, text: string): readonly string[] {
  if (!KUSTOMIZATION.test(file)) return [];
  const document = readDocument(text);
  const images = document.ok ? readPath(document.content, 'images') : undefined;
  return Array.isArray(images) ? images.map((image) => readString(image, 'name')).filter((name) => name !== '') : [];
}

/** The same for the kustomization in the folder of a file, as it may not be part of the input. */
function listReplacedBeside(file: string): readonly string[] {
  return ['kustomization.yaml', 'kustomization.yml', 'Kustomization']
    .map((name) => join(dirname(file), name))
    .filter((path) => existsSync(path))
    .flatMap((path) => listReplaced(path, readText(path)));
}
