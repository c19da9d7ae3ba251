import { describe, expect, test, vi } from 'vitest';
import type { Inquiry } from '../../../src/admission/inquiry.ts';
import { openInquiry, type Reply } from '../../../src/registry/prober/open-inquiry.ts';
import { readPull, type Pull } from '../../../src/registry/prober/pull.ts';
import { DENIED, OK, probingPolicy, question } from './probing.ts';

const APP = question('registry.example.com/app:1');

function open(ask: (pull: Pull) => Reply): { inquiry: Inquiry; ask: typeof ask } {
  const policy = probingPolicy();
  return { inquiry: openInquiry((one) => readPull(one, policy), ask), ask };
}

test('what is known is told at once, and nobody waits', () => {
  const { inquiry } = open(() => OK);
  expect(inquiry.registries.find(APP)).toEqual(OK);
  expect(inquiry.pending()).toBeUndefined();
});

test('a registry that may not be asked is not, and nobody waits', () => {
  const { inquiry, ask } = open(vi.fn(() => OK));
  expect(inquiry.registries.find(question('quay.io/app'))).toBeUndefined();
  expect(inquiry.pending()).toBeUndefined();
  expect(ask).not.toHaveBeenCalled();
});

test('what is on its way is waited for, all of it, and then told', async () => {
  const ends = new Map<string, (answer: Awaited<Reply>) => void>();
  const { inquiry } = open(async ({ image }) => new Promise((resolve) => ends.set(image, resolve)));
  const OTHER = question('registry.example.com/other:1');
  expect([inquiry.registries.find(APP), inquiry.registries.find(OTHER)]).toEqual([undefined, undefined]);
  let isOver = false;
  const pending = inquiry.pending()!.then(() => (isOver = true));
  ends.get('registry.example.com/app:1')?.(OK);
  await vi.waitFor(() => {
    expect(inquiry.registries.find(APP)).toEqual(OK);
  });
  expect(isOver).toBe(false);
  ends.get('registry.example.com/other:1')?.(undefined);
  await pending;
  expect(inquiry.registries.find(OTHER)).toBeUndefined();
  expect(inquiry.pending()).toBeUndefined();
});

describe('a review is told the same each time it is judged', () => {
  test('although something else is known by then', () => {
    const said = [OK, DENIED];
    const { inquiry } = open(() => said.shift());
    expect([inquiry.registries.find(APP), inquiry.registries.find(APP)]).toEqual([OK, OK]);
  });

  test('so that it never waits twice for what nobody can say', async () => {
    const { inquiry, ask } = open(vi.fn(async () => Promise.resolve(undefined)));
    for (let judgement = 0; judgement < 3; judgement++) {
      expect(inquiry.registries.find(APP)).toBeUndefined();
      await inquiry.pending();
    }
    expect(inquiry.pending()).toBeUndefined();
    expect(ask).toHaveBeenCalledTimes(1);
  });
});

test('an object with thousands of images has a hundred of them asked about, and the others not once', () => {
  const { inquiry, ask } = open(vi.fn(() => OK));
  for (let judgement = 0; judgement < 2; judgement++) {
    const told = Array.from({ length: 1000 }, (_, at) =>
      inquiry.registries.find(question(`registry.example.com/app:${at}`)),
    );
    expect(told.filter((answer) => answer !== undefined)).toHaveLength(100);
  }
  expect(ask).toHaveBeenCalledTimes(100);
});
