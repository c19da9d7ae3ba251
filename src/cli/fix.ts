import type { Finding } from '../engine/evaluate.ts';
import type { Position } from '../manifest/document.ts';
import { memoize } from '../text/memoize.ts';
import { readFound, type Inputs } from './check-inputs.ts';
import { fixAll, type FixMode, type FixOutcome } from './fix-manifests.ts';
import { fixSources } from './fix-sources.ts';
import { createIgnores } from './ignore-comments.ts';
import { REPLACED, type FixTerms } from './plan-fixes.ts';
import { renderAll, type Rendered, type RenderOptions } from './render.ts';

type Terms = Pick<FixTerms, 'policy' | 'facts' | 'large'> &
  Readonly<{ options: RenderOptions; isKnown: (finding: Finding) => boolean }>;

/** What was fixed. `read` and `rendered`: standard input and what is rendered, as they are now. */
export type FixedInputs = FixOutcome & Readonly<{ rendered: readonly Rendered[] }>;

/**
 * `check --fix` and `--diff`: fixes what was read, the files that kustomizations are made of, and what images are rendered from.
 * What the report leaves out is not fixed.
 */
export async function fixInputs(
  { stdin, files, parts, rendered }: Inputs,
  mode: FixMode,
  { options, isKnown, ...terms }: Terms,
): Promise<FixedInputs> {
  const renderAgain = (isChanged: boolean): readonly Rendered[] | Promise<readonly Rendered[]> =>
    isChanged && mode === 'write'
      ? renderAll(
          rendered.map(({ unit }) => unit),
          options,
        )
      : rendered;
  const hideIn = (text: string): ((finding: Finding & Position) => boolean) => {
    const { isIgnored } = createIgnores(text, terms.policy);
    return (finding) => isKnown(finding) || isIgnored(finding);
  };
  const texts = [...files, ...parts].map((file) => readFound(file));
  const direct = fixAll([...stdin, ...texts], mode, { ...terms, hideIn });
  const { fixed } = direct.report;
  const hideInFile = memoize((file) => hideIn(readFound({ file }).text ?? ''));
  const sources = await fixSources(await renderAgain(fixed.length > 0), mode, {
    ...terms,
    options,
    isHidden: (finding) => hideInFile(finding.file)(finding),
    isFixed: (from, to) => fixed.some(({ change }) => change.op === 'set' && change.from === from && change.to === to),
  });
  const isPart = new Set(parts.map(({ file }) => file));
  const unfixed = rendered.every(({ text }) => text !== undefined)
    ? direct.report.unfixed.filter(({ file, why }) => !isPart.has(file) || why !== REPLACED)
    : direct.report.unfixed;
  return {
    read: direct.read.slice(0, stdin.length),
    report: { mode, fixed: [...fixed, ...sources.fixed], unfixed: [...unfixed, ...sources.unfixed] },
    errors: [...direct.errors, ...sources.errors],
    printed: direct.printed + sources.printed,
    rendered: await renderAgain(fixed.length > 0 || sources.fixed.length > 0),
  };
}
