import { describe, expect, test } from 'vitest';
import { matchHostPattern, parseHostPattern, toHostTarget } from '../../src/image/host-pattern.ts';
import { parseReference } from '../../src/image/parse-reference.ts';

function match(text: string, image: string): boolean {
  const pattern = parseHostPattern(text);
  const parsed = parseReference(image);
  if (pattern === undefined || !parsed.ok) throw new Error(`${text} or ${image} does not parse`);
  return matchHostPattern(pattern, toHostTarget(parsed.reference));
}

describe('a pattern matches the images that kubelet takes a pull secret with such a key for', () => {
  test.each<[pattern: string, image: string, matches: boolean]>([
    // A star is a part of one label; kubelet's own examples.
    ['*.kubernetes.io', 'abc.kubernetes.io/app', true],
    ['*.kubernetes.io', 'kubernetes.io/app', false],
    ['*.*.kubernetes.io', 'abc.kubernetes.io/app', false],
    ['*.*.kubernetes.io', 'abc.def.kubernetes.io/app', true],
    ['prefix*.kubernetes.io', 'prefix-1.kubernetes.io/app', true],
    ['*-good.kubernetes.io', 'prefix-bad.kubernetes.io/app', false],
    ['swr.*.otc.t-systems.com', 'swr.eu-de.otc.t-systems.com/a/b', true],
    ['swr.*.otc.t-systems.com', 'swr.eu.de.otc.t-systems.com/a/b', false],
    ['swr.eu-[dn][el].otc.t-systems.com', 'swr.eu-nl.otc.t-systems.com/a/b', true],
    // Ports are equal, or on neither side.
    ['registry.example.com:5000', 'registry.example.com:5000/app', true],
    ['registry.example.com:5000', 'registry.example.com/app', false],
    ['registry.example.com', 'registry.example.com:443/app', false],
    ['*.example.com:5000', 'a.example.com:5000/app', true],
    ['*.example.com:5*', 'a.example.com:5000/app', false],
    // A path is where the repository starts, be it within a name.
    ['registry.example.com/team', 'registry.example.com/team/app', true],
    ['registry.example.com/team', 'registry.example.com/teamwork/app', true],
    ['registry.example.com/team/', 'registry.example.com/teamwork/app', false],
    ['registry.example.com/team', 'registry.example.com/other/app', false],
    ['registry.example.com/*', 'registry.example.com/app', false],
    ['registry.example.com/', 'registry.example.com/app', true],
    // Letters are compared as they are.
    ['Registry.example.com', 'registry.example.com/app', false],
    // Addresses.
    ['100.125.7.25:20202', '100.125.7.25:20202/group/app', true],
    ['100.125.*.*:20202', '100.125.7.25:20202/group/app', true],
    ['[2001:db8::1]:5000', '[2001:db8::1]:5000/app', true],
    ['[2001:db8::1]', '[2001:db8::2]/app', false],
    // Docker Hub, by the names it has in secrets and in images.
    ['docker.io', 'nginx', true],
    ['index.docker.io', 'nginx', true],
    ['index.docker.io/v1/', 'nginx', false],
    ['docker.io/library', 'nginx', true],
    ['docker.io/bitnami', 'nginx', false],
    ['docker.io', 'registry-1.docker.io/library/nginx', true],
    ['*.docker.io', 'nginx', false],
  ])('%s, %s: %s', (pattern, image, matches) => {
    expect(match(pattern, image)).toBe(matches);
  });
});

test('a malformed glob is no pattern', () => {
  expect(parseHostPattern('a.[b.example.com')).toBeUndefined();
  expect(parseHostPattern('a.b\\')).toBeUndefined();
});
