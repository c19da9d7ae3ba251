import { expect, test } from 'vitest';
import type { CandidateNodes } from '../../src/pull/candidate-nodes.ts';
import { nameNodes } from '../../src/rules/name-nodes.ts';
import { nodesOf } from '../support/answers.ts';

function name(some: number, all: number, isExact = true): string {
  const nodes = nodesOf(...Array.from({ length: all }, () => ({}))).list();
  const candidates: CandidateNodes = {
    nodes,
    isExact,
    platforms: new Set(),
    hasDiskPressure: false,
    leastStorageBytes: Infinity,
  };
  return nameNodes(nodes.slice(0, some), candidates, ['has', 'have']);
}

test.each([
  [1, 1, true, 'the only node it may run on, "n0", has'],
  [3, 3, true, 'all 3 nodes it may run on have'],
  [2, 5, true, '2 of 5 nodes it may run on have'],
  [1, 5, true, '1 of 5 nodes it may run on has'],
  // It may run on fewer of them: what is true of all is true of those, and how many they are is not known.
  [3, 3, false, 'all nodes it may run on have'],
  [1, 1, false, 'all nodes it may run on have'],
  [2, 5, false, '2 of 5 nodes (which it may run on is not known) have'],
])('%d of %d, known for sure: %s: %s', (some, all, isExact, text) => {
  expect(name(some, all, isExact)).toBe(text);
});
