import { expect, test } from 'vitest';
import { openSession, toAnswerKey } from '../../../src/registry/prober/session.ts';
import { OK, SETTINGS, stoppedClock, UNREACHABLE } from './probing.ts';

test('a new session knows nothing of what another one knew', () => {
  const open = () => openSession(() => SETTINGS, stoppedClock().now);
  const old = open();
  old.answers.keep('a', OK);
  old.accesses.set('a', { fingerprints: [], isSure: true, at: 0 });
  for (let at = 0; at < 5; at++) old.breaker.leave('registry.example.com', `image ${at}`, UNREACHABLE);
  const { answers, accesses, breaker } = open();
  expect([answers.find('a'), accesses.find('a'), breaker.find('registry.example.com')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('accesses are no more than the policy allows', () => {
  const { accesses } = openSession(() => ({ ...SETTINGS, entries: 5 }), stoppedClock().now);
  for (let at = 0; at < 100; at++) accesses.set(String(at), { fingerprints: [], isSure: true, at });
  expect(accesses.size()).toBe(5);
});

test('answers to different people are kept apart, and those about different images', () => {
  const keys = ['app:1', 'app:2'].flatMap((image) => ['one', 'other'].map((who) => toAnswerKey(image, who)));
  expect(new Set(keys).size).toBe(4);
});
