import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listRunnable, parsePlatform, readPlatform } from '../../src/image/platform.ts';

test.each<[platform: string | undefined, written: readonly string[]]>([
  ['linux/amd64', ['linux/amd64', 'linux/amd64/v1', 'Linux/AMD64', 'linux/x86_64', 'linux/x86-64']],
  ['linux/amd64/v3', ['linux/amd64/v3']],
  ['linux/arm64', ['linux/arm64', 'linux/arm64/v8', 'linux/arm64/8', 'linux/aarch64']],
  ['linux/arm64/v9', ['linux/arm64/v9']],
  ['linux/arm/v7', ['linux/arm', 'linux/armhf']],
  ['linux/arm/v6', ['linux/arm/6', 'linux/armel']],
  ['linux/386', ['linux/i386']],
  ['linux/s390x', ['linux/s390x']],
  ['windows/amd64', ['windows/amd64']],
  [undefined, ['linux', 'linux/', '/amd64', 'linux/amd64/v1/more', 'linux/amd 64', '<b>/amd64']],
  [undefined, [`linux/${'a'.repeat(33)}`]],
])('%s is what is written as %j', (platform, written) => {
  for (const text of written) expect(parsePlatform(text), text).toBe(platform);
});

test('what is in an index may be anything, and is shown only if it is letters, digits and a few signs', () => {
  const part = fc.oneof(fc.anything(), fc.string({ unit: 'binary' }), fc.constantFrom('linux', 'arm', 'v7', ''));
  fc.assert(
    fc.property(part, part, part, (os, architecture, variant) => {
      expect(readPlatform({ os, architecture, variant }) ?? 'a/b').toMatch(/^[\w.-]{1,32}(?:\/[\w.-]{1,33}){1,2}$/);
    }),
  );
});

// Orders of containerd's platforms.Only.
test.each<[platform: string, runnable: string[]]>([
  ['linux/amd64', ['linux/amd64', 'linux/386']],
  ['linux/amd64/v3', ['linux/amd64/v3', 'linux/amd64/v2', 'linux/amd64', 'linux/386']],
  ['linux/arm64', ['linux/arm64', 'linux/arm/v8', 'linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
  // As a node says it, whose variant nobody knows.
  ['linux/arm', ['linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
  ['linux/arm/v7', ['linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
  ['linux/arm/v5', ['linux/arm/v5']],
  ['linux/arm/v4', ['linux/arm/v4']],
  ['linux/arm/odd', ['linux/arm/odd']],
  ['linux/s390x', ['linux/s390x']],
  ['linux/ppc64le/power9', ['linux/ppc64le/power9']],
  ['windows/amd64', ['windows/amd64', 'windows/386']],
  ['', []],
  ['linux', []],
])('a machine of %s runs images for %s', (platform, runnable) => {
  expect(listRunnable(platform)).toEqual(runnable);
});
