import { styleText } from 'node:util';
import type { Decision, Finding, Lack } from '../engine/evaluate.ts';
import { groupBy } from '../text/list.ts';
import { escapeUnprintable } from '../text/quote.ts';

/** The first word of a line, most urgent first. `unfixed`: a Pod that lacks a fix; `audit`: only written to the audit log. */
export const MARKS = ['error', 'unfixed', 'warning', 'notice', 'audit'] as const;
export type Mark = (typeof MARKS)[number];

type Style = Parameters<typeof styleText>[0];
const STYLES: Readonly<Record<Mark, Style>> = {
  error: 'red',
  unfixed: 'yellow',
  warning: 'yellow',
  notice: 'gray',
  audit: 'gray',
};

/** One finding in one line. `place`: `shop.yaml:11:33`; `remedy`: what to do about it, if the line does not say it. */
export type BlockLine = Readonly<{ place?: string; mark: Mark; text: string; remedy?: string | undefined }>;

/** The findings of one object. */
export type Block = Readonly<{ title: string; lines: readonly BlockLine[] }>;

type BlockLook = Readonly<{
  color: boolean;
  /** Whether a remedy is repeated in each block that needs it. */
  repeatRemedies: boolean;
}>;

/** Blocks with an empty line after each: the title, the findings from the most urgent down, and each remedy once. */
export function formatBlocks(blocks: readonly Block[], look: BlockLook): string {
  return blocks.map(createBlockFormat(look)).join('');
}

/** The same for blocks that come one after the other. */
export function createBlockFormat({ color, repeatRemedies }: BlockLook): (block: Block) => string {
  const shown = new Set<string>();
  return ({ title, lines }) => {
    if (repeatRemedies) shown.clear();
    return `${escapeUnprintable(title)}\n${formatLines(lines, shown, color)}\n`;
  };
}

export function paintMark(mark: Mark, color: boolean): string {
  return color ? styleText(STYLES[mark], mark, { validateStream: false }) : mark;
}

/** The mark and remedy of a finding; fixed and harmless findings have no remedy. */
export function markFinding({ action, severity, remedy }: Finding): Pick<BlockLine, 'mark' | 'remedy'> {
  if (action === 'audit') return { mark: 'audit' };
  return severity === 'notice' ? { mark: 'notice' } : { mark: severity, remedy };
}

/** `2 errors, 1 notice`: the marks that occur, most urgent first; empty if there are none. */
export function countMarks(marks: Iterable<Mark>): string {
  const counts = new Map<Mark, number>();
  for (const mark of marks) counts.set(mark, (counts.get(mark) ?? 0) + 1);
  return MARKS.flatMap((mark) => {
    const count = counts.get(mark);
    return count === undefined ? [] : [formatCount(count, NOUNS[mark])];
  }).join(', ');
}

const NOUNS: Readonly<Record<Mark, string>> = {
  error: 'error',
  unfixed: 'unfixed finding',
  warning: 'warning',
  notice: 'notice',
  audit: 'audit finding',
};

/** `1 workload`, `2 workloads`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const MARK_WIDTH = Math.max(...MARKS.map((mark) => mark.length));

/** @param shown remedies that are not repeated; those of these lines are added */
export function formatLines(lines: readonly BlockLine[], shown: Set<string>, color: boolean): string {
  const placeWidth = Math.max(...lines.map(({ place = '' }) => place.length));
  return groupLines(lines)
    .map((group) => {
      const rows = group.map(({ place, mark, text }) => {
        const before = place === undefined ? '' : `${place.padEnd(placeWidth)}  `;
        const padding = ' '.repeat(MARK_WIDTH - mark.length);
        return `  ${before}${paintMark(mark, color)}${padding}  ${escapeUnprintable(text)}\n`;
      });
      const remedy = group[0]?.remedy;
      if (remedy === undefined || shown.has(remedy)) return rows.join('');
      shown.add(remedy);
      return `${rows.join('')}    Fix: ${escapeUnprintable(remedy)}\n`;
    })
    .join('');
}

/** Groups lines with the same mark and remedy, the most urgent mark first; otherwise in their original order. */
function groupLines(lines: readonly BlockLine[]): readonly (readonly BlockLine[])[] {
  const sorted = [...lines].sort((left, right) => MARKS.indexOf(left.mark) - MARKS.indexOf(right.mark));
  return groupBy(sorted, ({ mark, remedy = '' }) => `${mark} ${remedy}`);
}

/** Rules that did not run, and why. */
export function listSkipped(skipped: Decision['skipped']): readonly string[] {
  return skipped.map(
    ({ rule, missing }) => `not checked: ${rule}, which needs ${missing.map((lack) => LACKS[lack]).join(' and ')}`,
  );
}

const LACKS: Readonly<Record<Lack, string>> = {
  pullSecrets: 'pull secrets',
  serviceAccounts: 'ServiceAccounts',
  namespaces: 'Namespaces',
  registries: 'registries, which are not asked here',
  nodes: 'Nodes',
  pulls: 'Events of pulls',
  budget: 'more time than the limit for one object',
};
