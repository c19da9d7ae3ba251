import fc from 'fast-check';

import type { ImageReference } from '../../src/image/reference.ts';
import { edited } from '../fuzz/edited.ts';

export const HEX64 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

const component = fc.stringMatching(/^[a-z0-9]{1,6}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,6}){0,3}$/);
const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const domain = fc.oneof(
  fc.constantFrom('docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com', 'localhost'),
  fc.stringMatching(/^[A-Za-z0-9]{1,5}(?:[.-][A-Za-z0-9]{1,5}){0,2}\.[a-z]{2,3}(?::[0-9]{1,6})?$/),
  fc.stringMatching(/^\[[0-9a-fA-F]{0,4}:[0-9a-fA-F:]{0,12}\](?::[0-9]{1,5})?$/),
  fc.stringMatching(/^[a-z]{1,5}_[a-z]{1,5}\.[a-z]{2}$/),
);
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}$/);
const digest = fc.stringMatching(/^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/);

/** An address as people write one that works: every part that may be missing sometimes is. */
export const validAddress: fc.Arbitrary<string> = fc
  .record({ domain: fc.option(domain), path, tag: fc.option(tag), digest: fc.option(digest) })
  .map(
    (parts) =>
      (parts.domain === null ? '' : `${parts.domain}/`) +
      parts.path +
      (parts.tag === null ? '' : `:${parts.tag}`) +
      (parts.digest === null ? '' : `@${parts.digest}`),
  );

/** A reference in its normal form: Docker Hub under its one name, its one-word images under `library/`. */
export const reference: fc.Arbitrary<ImageReference> = fc.record(
  {
    registry: fc.constantFrom(
      'docker.io',
      'registry.example.com',
      'localhost:5000',
      '[::1]:5000',
      'my_host.local',
      'ORG',
    ),
    repository: path.map((text) => `team/${text}`),
    tag,
    digest,
  },
  { requiredKeys: ['registry', 'repository'] },
);

/** Any string at all, lone surrogates and control characters among them. */
export const anyString: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }).map((codes) => String.fromCharCode(...codes)),
  fc.string({ unit: fc.constantFrom(...Array.from('aZ0_.-:/@[]+ ${}<>%"\\\'()\n=;,#~')), maxLength: 40 }),
);

/** A working address with up to three characters put in, taken out or replaced: what typing and pasting do to one. */
export const slippedAddress: fc.Arbitrary<string> = edited(validAddress, {
  tokens: Array.from('aZ0_.-:/@ "é'),
  span: 1,
  most: 3,
});
