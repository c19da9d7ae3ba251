import { InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';
import { outputOption, parseLife, parsePort, parseSeconds, secretsOption } from '../../src/cli/options.ts';
import { SECRETS_MODES } from '../../src/cluster/facts/facts.ts';

describe('a duration', () => {
  test.each([
    ['45s', 45_000],
    ['30m', 1_800_000],
    ['12h', 43_200_000],
    ['3650d', 315_360_000_000],
  ])('%s is what its author means', (text, milliseconds) => {
    expect(parseLife(text)).toBe(milliseconds);
  });

  test.each(['', '90', 'd', '0s', '1.5h', '-1h', '1h30m', '1 h', '1y', '1H', '9999999d'])(
    'that may mean something else is refused, not guessed: %j',
    (text) => {
      expect(() => parseLife(text)).toThrow(InvalidArgumentError);
    },
  );
});

test.each(['65536', '-1', '80a', '', '1e3'])('a port that is none is refused: %j', (text) => {
  expect(() => parsePort(text)).toThrow(InvalidArgumentError);
});

test.each(['3601', '-1', '5s', ''])('a time that is none is refused: %j', (text) => {
  expect(() => parseSeconds(text)).toThrow(InvalidArgumentError);
});

test('every way to read pull secrets can be chosen, and the least is the default', () => {
  expect(secretsOption()).toMatchObject({ argChoices: [...SECRETS_MODES], defaultValue: 'default-secret-only' });
});

test('the first format is the default', () => {
  expect(outputOption('table', 'json')).toMatchObject({ argChoices: ['table', 'json'], defaultValue: 'table' });
});
