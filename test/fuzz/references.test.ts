import fc from 'fast-check';
import { expect } from 'vitest';
import { findSuspicions, parseReference } from '../../src/image/parse-reference.ts';
import { suspectForm } from '../../src/image/suspect.ts';
import { explainImage } from '../../src/report/explain-image.ts';
import { escapeUnprintable } from '../../src/text/quote.ts';
import { anyString, slippedAddress } from '../image/arbitraries.ts';
import { MIRRORED } from '../support/policies.ts';
import { holds } from './holds.ts';

/** An API server cuts a warning at 256 characters when there are many. */
const MAX_MESSAGE = 250;

const written = fc.oneof(anyString, slippedAddress);

holds(
  'whatever is written, it never throws, and what it says is neither dropped nor cut by an API server',
  fc.property(written, (text) => {
    const parsed = parseReference(text);
    const { suspicion, move } = findSuspicions(text);
    const message = parsed.ok ? (suspicion ?? move) : parsed.problem.message;
    if (message === undefined) return;
    expect(message).not.toBe('');
    expect(escapeUnprintable(message)).toBe(message);
    expect(message.length).toBeLessThanOrEqual(MAX_MESSAGE);
  }),
  1000,
);

holds(
  'what it suggests is another address, which parses and about which nothing is odd',
  fc.property(written, (text) => {
    const parsed = parseReference(text);
    if (parsed.ok || parsed.problem.suggestion === undefined) return;
    const { suggestion } = parsed.problem;
    expect(suggestion).not.toBe(text);
    const meant = parseReference(suggestion);
    expect(meant.ok && suspectForm(suggestion, meant.reference)).toBeUndefined();
  }),
  1000,
);

holds(
  'what explains an address calls valid what parses',
  fc.property(written, (text) => {
    const { valid, problem, registry } = explainImage(text, MIRRORED);
    expect(valid).toBe(parseReference(text).ok);
    expect(problem === undefined).toBe(valid);
    expect(registry === null).toBe(!valid);
  }),
  500,
);
