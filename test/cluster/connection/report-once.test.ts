import { beforeEach, expect, test } from 'vitest';

import { reportOnce, type Reporter } from '../../../src/cluster/connection/report-once.ts';

let told: string[];
let troubles: Reporter;

beforeEach(() => {
  told = [];
  troubles = reportOnce((problem) => told.push(problem));
});

test('a trouble that goes on for hours is one line in the log, also when two take turns', () => {
  for (let hour = 0; hour < 3; hour++) {
    troubles.report('secret', 'refused');
    troubles.report('secret', 'no answer');
  }
  expect(told).toEqual(['refused', 'no answer']);
});

test('a trouble that comes back after it was over is told again; others are not', () => {
  for (let time = 0; time < 2; time++) {
    troubles.report('secret', 'refused');
    troubles.report('lease', 'refused');
    troubles.clear('secret');
  }
  expect(told).toEqual(['refused', 'refused', 'refused']);
});
