import { describe, expect, test } from 'vitest';
import { buildMirrors, type MirrorFile } from '../../../src/policy/sections/mirrors.ts';
import { policyWith, problemsOf } from '../reading.ts';

const mirrors = (...pairs: readonly string[]): readonly MirrorFile[] =>
  pairs.map((pair) => {
    const [from = '', to = ''] = pair.split(' → ');
    return { from, to };
  });

const AGAIN = (at: number, next: number): string =>
  `/mirrors/${at}/to: mirrors[${next}] would mirror images on this mirror again: use a mirror outside every "from"`;
const UNUSED = (at: number, first: number): string =>
  `/mirrors/${at}/from: never used, as mirrors[${first}] matches all these images first: put the narrower "from" first`;

describe('mirrors that would send images round', () => {
  test.each<[what: string, listed: readonly MirrorFile[], problems: readonly string[]]>([
    ['onto itself', mirrors('a.example → a.example'), [AGAIN(0, 0)]],
    ['into itself, which grows with each admission', mirrors('docker.io → docker.io/mirror'), [AGAIN(0, 0)]],
    ['into itself, by another name', mirrors('index.docker.io → registry-1.docker.io/mirror'), [AGAIN(0, 0)]],
    ['out of itself', mirrors('a.example/b/c → a.example/b'), [AGAIN(0, 0)]],
    ['in a circle', mirrors('docker.io → quay.io/hub', 'quay.io → docker.io/quay'), [AGAIN(0, 1), AGAIN(1, 0)]],
    ['in a chain', mirrors('docker.io → quay.io/hub', 'quay.io → m.example'), [AGAIN(0, 1)]],
    [
      'in a chain to the first of many',
      mirrors('a.example → m.example/a', 'm.example/a/b/c → n.example', 'm.example → o.example'),
      [AGAIN(0, 1)],
    ],
    ['twice from the same', mirrors('ghcr.io → m.example/a', 'ghcr.io → m.example/b'), [UNUSED(1, 0)]],
    [
      'twice from Docker Hub, by two of its names',
      mirrors('docker.io → m.example/a', 'index.docker.io → m.example/b'),
      [UNUSED(1, 0)],
    ],
    [
      'from the wider before the narrower',
      mirrors('quay.io → m.example', 'docker.io → m.example/a', 'docker.io/library → m.example/b'),
      [UNUSED(2, 1)],
    ],
    [
      'by the place in the file, others left out',
      mirrors('docker → m.example', 'a.example → a.example'),
      [expect.stringMatching(/^\/mirrors\/0\/from: "docker" is not a registry/) as string, AGAIN(1, 1)],
    ],
    ['not from the narrower first', mirrors('docker.io/library → m.example/a', 'docker.io → m.example/b'), []],
    ['not to another place in the same registry', mirrors('m.example/a → m.example/b'), []],
    ['not to a name that only begins alike', mirrors('m.example/hub → m.example/hub-mirror'), []],
    ['not to the same place', mirrors('docker.io → m.example/a', 'quay.io → m.example/a'), []],
  ])('%s', (_what, listed, problems) => {
    expect(problemsOf({ mirrors: listed })).toEqual(problems);
  });
});

test.each([
  ['https://docker.io', '"https://docker.io"'],
  ['docker', '"docker"'],
  ['*.io', '"*.io"'],
  ['m.example/hub:1', '"m.example/hub:1"'],
  ['m.example/Hub', '"m.example/Hub"'],
  ['m.example/a//b', '"m.example/a//b"'],
  ['me:s3cret@m.example', '"***@m.example"'],
  [`m.example/${'a'.repeat(256)}`, `"m.example/${'a'.repeat(89)}…${'a'.repeat(20)}"`],
])('%s is no registry', (text, shown) => {
  const message = `${shown} is not a registry, or a registry and a path: write host[:port][/path]`;
  expect(problemsOf({ mirrors: [{ from: text, to: 'b.example' }] })).toEqual([`/mirrors/0/from: ${message}`]);
  expect(problemsOf({ mirrors: [{ from: 'a.example', to: text }] })).toEqual([`/mirrors/0/to: ${message}`]);
});

test.each(['m.example/', 'm.example/a/', '10.0.0.1:5000/', '[fd00::1]:5000/a', 'localhost'])('%s is one', (text) => {
  expect(problemsOf({ mirrors: [{ from: text, to: 'b.example' }] })).toEqual([]);
});

test("Docker Hub's names are one, and a slash at the end is none", () => {
  expect(policyWith({ mirrors: mirrors('index.docker.io/a → m.example/b/') }).mirrors).toMatchObject([
    { from: { registry: 'docker.io', path: 'a' }, to: { registry: 'm.example', path: 'b' } },
  ]);
});

test('sixteen thousand are compared in a moment', () => {
  const listed = Array.from({ length: 16_000 }, (_, at) => ({ from: `docker.io/t${at}`, to: `m.example/t${at}` }));
  const problems: string[] = [];
  expect(buildMirrors([...listed, listed[0]!], (pointer) => problems.push(pointer))).toHaveLength(16_001);
  expect(problems).toEqual(['/mirrors/16000/from']);
});
