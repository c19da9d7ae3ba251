import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Finding } from '../engine/evaluate.ts';
import { createPlaces, readDocument, type Position } from '../manifest/document.ts';
import { editText, type Refusal, type TextEdit } from '../manifest/edit-text.ts';
import { describeCause, readText } from '../manifest/files.ts';
import { readManifest, type Manifest } from '../manifest/read-manifests.ts';
import { readWhole, replaceFile } from '../manifest/replace-file.ts';
import { joinPointer, readPath, readString, type Pointer } from '../text/json.ts';
import { applyReplacements, formatDiff, type Replacement } from '../text/unified-diff.ts';
import { STDIN, type ReadText } from './check-inputs.ts';
import { planFixes, type Change, type FixTerms, type Plan } from './plan-fixes.ts';

/** `write`: changes files, and prints the fixed text of standard input. `diff`: changes nothing, and prints the differences. */
export type FixMode = 'write' | 'diff';

/**
 * A change that was made: its position now and `before`; the findings that it fixes, at the positions where they are reported
 * without it; and the characters of the original text that it replaces.
 */
export type Fixed = Position &
  Readonly<{
    file: string;
    change: Change;
    before: Position;
    answers: readonly (Finding & Position & Readonly<{ file?: string }>)[];
    replaced: readonly Readonly<{ start: Position; end: Position; text: string }>[];
  }>;

/** A finding that could have been fixed, its position, and why it was not fixed. */
export type Unfixed = Position & Readonly<{ file: string; finding: Finding; why: string }>;

export type FixReport = Readonly<{ mode: FixMode; fixed: readonly Fixed[]; unfixed: readonly Unfixed[] }>;

export type FixOutcome = Readonly<{
  /** The same texts after the fixes. */
  read: readonly ReadText[];
  report: FixReport;
  /** Files that could not be written. */
  errors: readonly Readonly<{ file: string; message: string }>[];
  /** What goes to standard output: the difference, or the text of standard input. */
  printed: string;
}>;

type Terms = Pick<FixTerms, 'policy' | 'facts' | 'large'> &
  Readonly<{
    /** For a text, which of its findings the report leaves out. */
    hideIn: (text: string) => (finding: Finding & Position) => boolean;
  }>;

/** Fixes texts one by one; if one file fails, the others are still fixed. */
export function fixAll(read: readonly ReadText[], mode: FixMode, terms: Terms): FixOutcome {
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
  Readonly<{ read: ReadText; printed: string; error?: FixOutcome['errors'][number] }>;

function fixOne(
  read: ReadText,
  mode: FixMode,
  { named, hideIn, ...terms }: Terms & Readonly<{ named: ReadonlySet<string> }>,
): Done {
  const { file, text } = read;
  const isStdin = file === STDIN;
  const nothing = { read, fixed: [], unfixed: [], printed: isStdin && mode === 'write' ? (text ?? '') : '' };
  if (text === undefined) return nothing;
  const isHidden = hideIn(text);
  try {
    const whole = isStdin ? text : readWhole(file);
    const {
      fixed,
      unfixed,
      replacements,
      text: now,
    } = fixManifest(file, whole, readManifest(text), {
      ...terms,
      isHidden: (finding, { locate }) => isHidden({ ...finding, ...locate(finding.at) }),
      replacedImages: new Set([...named, ...(isStdin ? [] : listReplacedBeside(file))]),
    });
    if (mode === 'diff') return { ...nothing, fixed, unfixed, printed: formatDiff(file, whole, replacements) };
    if (replacements.length === 0) return { ...nothing, unfixed };
    if (!isStdin) replaceFile(file, whole, now);
    return { read: { ...read, text: now }, fixed, unfixed, printed: isStdin ? now : '' };
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

/** A text after the fixes. Without replacements it is unchanged. */
export type FixedText = Readonly<{
  text: string;
  replacements: readonly Replacement[];
  manifest: Manifest;
  fixed: readonly Fixed[];
  unfixed: readonly Unfixed[];
}>;

const REFUSED: Readonly<Record<Refusal, string>> = {
  shared: 'an anchor or a merge key repeats this where it has to stay as it is: change it by hand',
  template: 'this document is a template ({{ … }}): change the values that it is filled in with',
  form: 'the way this is written is not known to --fix: change it by hand',
};

/** Each round finds at least one more place that cannot be changed. If the last round still finds one, nothing is fixed. */
const MOST_ROUNDS = 5;

/**
 * Makes the changes that are certain. The result is parsed again, and must contain exactly the planned objects; otherwise the
 * text stays unchanged.
 *
 * @param text as it is in the file, with its byte order mark
 */
export function fixManifest(file: string, text: string, manifest: Manifest, terms: FixTerms): FixedText {
  const { objects, errors } = manifest;
  const blocked = objects.map(() => new Map<Pointer, string>());
  const plan = (): readonly Plan[] => objects.map((object, at) => planFixes(object, terms, blocked[at] ?? new Map()));
  const leave = (plans: readonly Plan[], why?: string): FixedText => {
    const left =
      why === undefined
        ? []
        : plans.map(({ changes }) => changes.flatMap(({ findings }) => findings.map((finding) => ({ finding, why }))));
    const unfixed = plans.map(({ notFixed }, at) => [...notFixed, ...(left[at] ?? [])]);
    return { text, replacements: [], manifest, fixed: [], unfixed: locateUnfixed(file, manifest, unfixed) };
  };
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const plans = plan();
    const places = plans.flatMap(({ changes }, at) => changes.map((change) => ({ change, at })));
    if (places.length === 0) return leave(plans);
    const [error] = errors;
    if (error !== undefined) return leave(plans, `this file has an error in line ${error.line}: correct that first`);
    const edits = new Map(places.map((place) => [toEdit(place.change, manifest, place.at), place]));
    const { replacements, refused } = editText(text, [...edits.keys()]);
    for (const [edit, refusal] of refused) {
      const place = edits.get(edit);
      if (place !== undefined) blocked[place.at]?.set(place.change.at, REFUSED[refusal]);
    }
    if (refused.size > 0) continue;
    const edited = applyReplacements(text, replacements);
    const result = readManifest(edited);
    if (!isAsPlanned(result, manifest, plans)) return leave(plans, REFUSED.form);
    const toPlace = createPlaces(text);
    const fixed = replacements
      .flatMap(({ start, end, text: inserted, edits: made }) => {
        const replaced = [{ start: toPlace(start), end: toPlace(end), text: inserted }];
        return made.flatMap((edit) => edits.get(edit) ?? []).map((place) => ({ ...place, replaced }));
      })
      .map(({ replaced, change, at }) => ({
        file,
        change,
        replaced,
        ...locateFixed(change, result, at),
        before: locateFixed(change, manifest, at),
        answers: change.findings.map((finding) => ({ ...finding, ...locateIn(manifest, at, finding.at) })),
      }))
      .sort((left, right) => left.line - right.line || left.column - right.column);
    return { ...leave(plans), text: edited, replacements, manifest: result, fixed };
  }
  return leave(plan(), REFUSED.form);
}

function toEdit(change: Change, { objects }: Manifest, at: number): TextEdit {
  const place = objects[at]?.locate(change.at) ?? { line: 1, column: 1 };
  return change.op === 'set'
    ? { op: 'set', place, from: change.from, to: change.to }
    : { op: 'append', place, key: 'imagePullSecrets', names: change.names };
}

function isAsPlanned(result: Manifest, before: Manifest, plans: readonly Plan[]): boolean {
  return (
    result.errors.length === 0 &&
    result.foreign === before.foreign &&
    result.objects.length === plans.length &&
    result.objects.every(({ object }, at) => isDeepStrictEqual(object, plans[at]?.object))
  );
}

function locateFixed({ at, op }: Change, { objects }: Manifest, index: number): Position {
  const found =
    op === 'set' ? objects[index]?.locate(at) : objects[index]?.locate(joinPointer(at, 'imagePullSecrets'), 'key');
  return found ?? { line: 1, column: 1 };
}

function locateIn({ objects }: Manifest, index: number, at: Pointer): Position {
  return objects[index]?.locate(at) ?? { line: 1, column: 1 };
}

function locateUnfixed(file: string, { objects }: Manifest, unfixed: readonly Plan['notFixed'][]): readonly Unfixed[] {
  return objects.flatMap(({ locate }, at) =>
    (unfixed[at] ?? []).map((one) => ({ file, ...locate(one.finding.at), ...one })),
  );
}
