import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Finding } from '../engine/evaluate.ts';
import { createPlaces, readDocument, type Position } from '../manifest/document.ts';
import { editText, type TextEdit } from '../manifest/edit-text.ts';
import { describeCause } from '../manifest/files.ts';
import type { Unit } from '../manifest/find-inputs.ts';
import { readManifest, type Manifest, type ManifestObject } from '../manifest/read-manifests.ts';
import { readWhole, replaceFile } from '../manifest/replace-file.ts';
import { MOST_SOURCE_EDITS } from '../text/bounds.ts';
import { formatFieldPath, isRecord, joinPointer, readPointer, type Pointer } from '../text/json.ts';
import { groupBy } from '../text/list.ts';
import { quote } from '../text/quote.ts';
import { applyReplacements, formatDiff } from '../text/unified-diff.ts';
import type { Fixed, FixMode, FixOutcome, Unfixed } from './fix-manifests.ts';
import { findEntry, listHolders, splitImage, type Field } from './image-holders.ts';
import { planFixes, setPointer, type FixTerms } from './plan-fixes.ts';
import { createTrace, renderEdited, type Rendered, type RenderOptions, type Trace } from './render.ts';

type Terms = Pick<FixTerms, 'policy' | 'facts' | 'large'> &
  Readonly<{
    options: RenderOptions;
    /** What the report leaves out, at the place of the source that a rendered finding is traced to. */
    isHidden: (finding: Finding & Position & Readonly<{ file: string }>) => boolean;
    /** Images that are fixed already, in the manifests that a kustomization is made of. */
    isFixed: (from: string, to: string) => boolean;
  }>;

type SourceFixes = Pick<FixOutcome, 'errors' | 'printed'> &
  Readonly<{ fixed: readonly Fixed[]; unfixed: readonly Unfixed[] }>;

/**
 * Fixes images where they come from: the values of a chart, and `images` of kustomizations. A change is certain if what is
 * rendered with it has the image that is wanted and differs in nothing else, for everything that is made of the file.
 */
export async function fixSources(rendered: readonly Rendered[], mode: FixMode, terms: Terms): Promise<SourceFixes> {
  const units = rendered.flatMap((one) => readUnit(one, terms));
  const candidates = findCandidates(units, terms.options);
  const proved = await proveCandidates(candidates, await renderAgain(units, candidates, terms.options), terms.options);
  const unfixed = units.flatMap((unit) => describeLeft(unit, candidates, proved.covered, terms));
  const done = groupBy(proved.candidates, ({ file }) => file).map((made) => writeSource(made, mode, proved.covered));
  return {
    unfixed,
    fixed: done.flatMap(({ fixed }) => fixed),
    errors: done.flatMap(({ errors }) => errors),
    printed: done.map(({ printed }) => printed).join(''),
  };
}

/** An image of a rendered object that is certain to be wrong, and what it has to be. */
type Wish = Readonly<{
  /** The document of the rendered text, its object, and the field. */
  document: number;
  object: number;
  at: Pointer;
  from: string;
  to: string;
  findings: readonly [Finding, ...Finding[]];
  places: readonly (Position & Readonly<{ file: string }>)[];
}>;

type RenderedUnit = Readonly<{
  unit: Unit;
  documents: readonly string[];
  wishes: readonly Wish[];
  /** The same rendered once more, where something may be proved: passwords of charts are others each time. */
  again?: readonly string[];
}>;

function readUnit({ unit, text }: Rendered, terms: Terms): readonly RenderedUnit[] {
  if (text === undefined) return [];
  const trace = createTrace(unit, text, terms.options);
  const documents = splitDocuments(text());
  let line = 0;
  const wishes = documents.flatMap((document, at) => {
    const before = line;
    line += document.split('\n').length - 1;
    if (/^kind: CustomResourceDefinition$/m.test(document)) return [];
    return readManifest(document).objects.flatMap((object, index) =>
      listWishes(
        object,
        { document: at, object: index },
        (finding) => trace({ ...finding, line: finding.line + before }),
        terms,
      ),
    );
  });
  return [{ unit, documents, wishes }];
}

/** Objects are compared one by one, so that definitions of kinds with their megabytes need not be read. */
function splitDocuments(text: string): readonly string[] {
  return text.split(/^(?=---$)/m);
}

function listWishes(
  object: ManifestObject,
  at: Pick<Wish, 'document' | 'object'>,
  trace: Trace,
  { policy, facts, isHidden }: Terms,
): readonly Wish[] {
  const place = (finding: Finding): Position & Readonly<{ file: string }> =>
    trace({ ...finding, ...object.locate(finding.at) });
  const plan = planFixes(
    object,
    {
      policy,
      facts,
      replacedImages: new Set(),
      isHidden: (finding) => isHidden({ ...finding, ...place(finding) }),
    },
    new Map(),
  );
  return plan.changes.flatMap((change) => {
    if (change.op !== 'set') return [];
    const { at: field, from, to, findings } = change;
    return [{ ...at, at: field, from, to, findings, places: findings.map((finding) => place(finding)) }];
  });
}

/** What may hold an image, and the edits that would give another. */
type Candidate = Readonly<{
  file: string;
  from: string;
  to: string;
  /** The first field that changes. */
  at: Pointer;
  place: Position;
  edits: readonly TextEdit[];
}>;

function findCandidates(units: readonly RenderedUnit[], options: RenderOptions): readonly Candidate[] {
  const found = units.flatMap(({ unit, wishes }) => {
    const sources = listSourceFiles(unit, options).flatMap((file) => readSource(file));
    return [...new Map(wishes.map(({ from, to }) => [from, to]))].flatMap(([from, to]) =>
      sources.flatMap((source) =>
        listHolders(unit.tool, source.content, from, to).flatMap((fields) => toCandidate(source, fields, from, to)),
      ),
    );
  });
  // Charts may have a file of values in common.
  const each = new Map(found.map((one) => [JSON.stringify([one.file, one.edits]), one]));
  return [...each.values()].slice(0, MOST_SOURCE_EDITS);
}

function toCandidate(
  { file, locate }: Source,
  fields: readonly Field[],
  from: string,
  to: string,
): readonly Candidate[] {
  const edits = fields.map(
    (field) => ({ op: 'set', from: field.from, to: field.to, place: locate(field.at) }) as const,
  );
  const [first] = fields;
  return first === undefined ? [] : [{ file, from, to, at: first.at, place: locate(first.at), edits }];
}

/** The files in which an image of a unit may be written and is in force. */
function listSourceFiles({ tool, folder, sources }: Unit, { values = [] }: RenderOptions): readonly string[] {
  if (tool === 'kustomize') return sources.filter((file) => /^kustomization(?:\.ya?ml)?$/i.test(basename(file)));
  return [join(folder, 'values.yaml'), ...values].filter((file) => existsSync(file));
}

type Source = Readonly<{ file: string; content: unknown; locate: (pointer: Pointer) => Position }>;

function readSource(file: string): readonly Source[] {
  try {
    const document = readDocument(readWhole(file).replace(/^\ufeff/, ''));
    return document.ok ? [{ file, content: document.content, locate: document.locate }] : [];
  } catch {
    return [];
  }
}

function editWith(text: string, candidates: readonly Candidate[]): ReturnType<typeof editText> {
  return editText(
    text,
    candidates.flatMap(({ edits }) => edits),
    true,
  );
}

type Proved = Readonly<{ candidates: readonly Candidate[]; covered: ReadonlyMap<Wish, Candidate> }>;

/** All at once where that is enough, as each proof takes a rendering; else one by one, and then what is certain together. */
async function proveCandidates(
  candidates: readonly Candidate[],
  units: readonly RenderedUnit[],
  options: RenderOptions,
): Promise<Proved> {
  if (candidates.length === 0) return { candidates, covered: new Map() };
  const byImage = new Map(candidates.map((candidate) => [candidate.from, candidate]));
  const all = byImage.size === candidates.length ? await prove(candidates, units, options) : undefined;
  const wished = units.flatMap(({ wishes }) =>
    wishes.flatMap((wish) => {
      const candidate = byImage.get(wish.from);
      return candidate === undefined ? [] : [[wish, candidate] as const];
    }),
  );
  if (all === undefined || wished.some(([wish]) => !all.has(wish))) return proveEach(candidates, units, options);
  return { candidates, covered: new Map(wished) };
}

async function proveEach(
  candidates: readonly Candidate[],
  units: readonly RenderedUnit[],
  options: RenderOptions,
): Promise<Proved> {
  const covered = new Map<Wish, Candidate>();
  for (const candidate of candidates) {
    const wishes = [...((await prove([candidate], units, options)) ?? [])];
    // What another gives as well is not given by one alone.
    if (!wishes.some((wish) => covered.has(wish))) for (const wish of wishes) covered.set(wish, candidate);
  }
  const certain = [...new Set(covered.values())];
  const isCertain = certain.length < 2 || (await prove(certain, units, options))?.size === covered.size;
  return isCertain ? { candidates: certain, covered } : { candidates: [], covered: new Map() };
}

async function renderAgain(
  units: readonly RenderedUnit[],
  candidates: readonly Candidate[],
  options: RenderOptions,
): Promise<readonly RenderedUnit[]> {
  const files = new Set(candidates.map(({ file }) => file));
  const rendered: RenderedUnit[] = [];
  for (const each of units) {
    const isTried = listSourceFiles(each.unit, options).some((file) => files.has(file));
    const text = isTried ? await renderEdited(each.unit, options, new Map()) : undefined;
    rendered.push(text === undefined ? each : { ...each, again: splitDocuments(text) });
  }
  return rendered;
}

/** The wishes that edits make true; undefined if they change anything else, or nothing can be rendered with them. */
async function prove(
  candidates: readonly Candidate[],
  units: readonly RenderedUnit[],
  options: RenderOptions,
): Promise<ReadonlySet<Wish> | undefined> {
  const texts = new Map<string, string>();
  for (const made of groupBy(candidates, ({ file }) => file)) {
    const [{ file }] = made;
    const whole = readWhole(file);
    const { replacements, refused } = editWith(whole, made);
    if (refused.size > 0) return undefined;
    texts.set(file, applyReplacements(whole, replacements));
  }
  const covered = new Set<Wish>();
  for (const each of units) {
    if (!listSourceFiles(each.unit, options).some((file) => texts.has(file))) continue;
    const text = await renderEdited(each.unit, options, texts);
    const made = text === undefined ? undefined : compare(each, splitDocuments(text));
    if (made === undefined) return undefined;
    for (const wish of made) covered.add(wish);
  }
  return covered;
}

/** The wishes that are true in what was rendered; undefined if anything else is different. */
function compare(
  { documents, wishes, again = documents }: RenderedUnit,
  edited: readonly string[],
): readonly Wish[] | undefined {
  if (edited.length !== documents.length) return undefined;
  const made: Wish[] = [];
  for (const [at, document] of documents.entries()) {
    const text = edited[at] ?? '';
    if (text === document) continue;
    const [before, after] = [readManifest(document), readManifest(text)];
    const done = wishes.filter(
      (wish) => wish.document === at && readPointer(after.objects[wish.object]?.object, wish.at) === wish.to,
    );
    for (const wish of done) setPointer(before.objects[wish.object]?.object, wish.at, wish.to);
    ignoreUnstable(before.objects, after.objects, document, again[at] ?? '');
    if (!isSame(before, after)) return undefined;
    made.push(...done);
  }
  return made;
}

function isSame(before: Manifest, after: Manifest): boolean {
  const [one, other] = [before, after].map(({ objects }) => objects.map(({ object }) => object));
  return after.errors.length === 0 && after.foreign === before.foreign && isDeepStrictEqual(one, other);
}

/** What no two renderings have in common shows no change. */
function ignoreUnstable(
  before: readonly ManifestObject[],
  after: readonly ManifestObject[],
  document: string,
  again: string,
): void {
  if (document === again) return;
  const [one, other] = [readManifest(document).objects, readManifest(again).objects];
  for (const [index, { object }] of before.entries()) {
    for (const pointer of listDifferences(one[index]?.object, other[index]?.object))
      setPointer(object, pointer, readPointer(after[index]?.object, pointer));
  }
}

/** Where two values have another text or number. */
function listDifferences(left: unknown, right: unknown, at: Pointer = ''): readonly Pointer[] {
  if (Array.isArray(left) && Array.isArray(right))
    return left.flatMap((entry, index) => listDifferences(entry, right[index], joinPointer(at, index)));
  if (isRecord(left) && isRecord(right))
    return Object.keys(left).flatMap((key) => listDifferences(left[key], right[key], joinPointer(at, key)));
  return left === right ? [] : [at];
}

/** @param candidates of one file */
function writeSource(
  candidates: readonly [Candidate, ...Candidate[]],
  mode: FixMode,
  covered: Proved['covered'],
): SourceFixes {
  const [{ file }] = candidates;
  const nothing: SourceFixes = { fixed: [], unfixed: [], errors: [], printed: '' };
  try {
    const whole = readWhole(file);
    const { replacements } = editWith(whole, candidates);
    const toPlace = createPlaces(whole);
    const fixed = candidates.flatMap((candidate): readonly Fixed[] => {
      const { at, from, to, place, edits } = candidate;
      const wishes = [...covered].filter(([, by]) => by === candidate).map(([wish]) => wish);
      const [first, ...others] = wishes.flatMap(({ findings }) => findings);
      if (first === undefined) return [];
      const replaced = replacements
        .filter((each) => each.edits.some((edit) => edits.includes(edit)))
        .map(({ start, end, text }) => ({ start: toPlace(start), end: toPlace(end), text }));
      const answers = wishes.flatMap(({ findings, places }) =>
        findings.map((finding, index) => ({ ...finding, ...(places[index] ?? { file, ...place }) })),
      );
      return [
        {
          file,
          ...place,
          before: place,
          replaced,
          answers,
          change: { op: 'set', at, from, to, findings: [first, ...others] },
        },
      ];
    });
    if (mode === 'diff') return { ...nothing, fixed, printed: formatDiff(file, whole, replacements) };
    replaceFile(file, whole, applyReplacements(whole, replacements));
    return { ...nothing, fixed };
  } catch (error) {
    return { ...nothing, errors: [{ file, message: `cannot be fixed: ${describeCause(error)}` }] };
  }
}

/** For each image that stays as it is, the file and the key that hold it, as far as that is known. */
function describeLeft(
  { unit, wishes }: RenderedUnit,
  candidates: readonly Candidate[],
  covered: Proved['covered'],
  { options, isFixed }: Terms,
): readonly Unfixed[] {
  const left = wishes.filter((wish) => !covered.has(wish) && !isFixed(wish.from, wish.to));
  const files = listSourceFiles(unit, options);
  return left.map(({ from, to, findings: [finding], places: [traced] }) => {
    const holders = candidates.filter((each) => each.from === from && files.includes(each.file));
    const [holder] = holders;
    const [entry] = holder === undefined && unit.tool === 'kustomize' ? findEntries(files, from) : [];
    if (entry !== undefined) {
      const why = `this entry under images has no newName: add newName: ${quote(splitImage(to).name)}`;
      return { ...entry, finding, why };
    }
    if (holder === undefined) {
      const why = `no ${unit.tool === 'helm' ? 'value' : 'entry under images'} alone gives this image: change it here`;
      return { ...(traced ?? { file: unit.file, line: 1, column: 1 }), finding, why };
    }
    const keys = holders.map(({ at }) => formatFieldPath(at)).join(', ');
    const why = `the image comes from ${keys} here, but a change there changes more than this image, or cannot be written: change it to ${quote(to)} by hand`;
    return { file: holder.file, ...holder.place, finding, why };
  });
}

/** Entries under `images` that give an image its tag, and leave its name as it is. */
function findEntries(files: readonly string[], image: string): readonly (Position & Readonly<{ file: string }>)[] {
  return files
    .flatMap((file) => readSource(file))
    .flatMap(({ file, content, locate }) => {
      const at = findEntry(content, image);
      return at === undefined ? [] : [{ file, ...locate(at) }];
    });
}
