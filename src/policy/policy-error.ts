import type { Position } from '../manifest/document.ts';

export type PolicyProblem = Position & Readonly<{ message: string }>;

/** A screenful; whoever made more mistakes than that made one of them over and over. */
const MAX_LISTED = 20;

/** A policy that cannot be used. The message lists its problems, a line each: `policy.yaml:7:3: unknown key "mirors"…`. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly source: string;
  readonly problems: readonly PolicyProblem[];

  constructor(source: string, problems: readonly PolicyProblem[]) {
    const lines = problems.map(({ line, column, message }) => `${source}:${line}:${column}: ${message}`);
    const left = lines.length - MAX_LISTED;
    super((left <= 0 ? lines : [...lines.slice(0, MAX_LISTED), `${source}: and ${left} more`]).join('\n'));
    this.source = source;
    this.problems = problems;
  }
}
