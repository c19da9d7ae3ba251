/** Tells people of troubles, each once until it is over, however often it is met on the way. */
export type Reporter = Readonly<{
  /** `about` names the thing that is tried: another problem with it is told too. */
  report: (about: string, problem: string) => void;
  /** It went well: from now on a problem with it is news again. */
  clear: (about: string) => void;
}>;

export function reportOnce(onError: (problem: string) => void): Reporter {
  const told = new Map<string, Set<string>>();
  return {
    report: (about, problem) => {
      const problems = told.get(about) ?? new Set();
      told.set(about, problems);
      if (problems.has(problem)) return;
      problems.add(problem);
      onError(problem);
    },
    clear: (about) => told.delete(about),
  };
}
