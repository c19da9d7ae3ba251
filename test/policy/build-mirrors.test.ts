import { describe, expect, test } from 'vitest';
import { buildMirrors, type MirrorFile } from '../../src/policy/build-mirrors.ts';

/** What is built, and `pointer: message` of everything that makes no sense. */
function build(listed: readonly MirrorFile[]) {
  const problems: string[] = [];
  const built = buildMirrors(listed, (pointer, message) => problems.push(`${pointer}: ${message}`));
  return { built, problems };
}

const mirrors = (...pairs: readonly string[]): readonly MirrorFile[] =>
  pairs.map((pair) => {
    const [from = '', to = ''] = pair.split(' → ');
    return { from, to };
  });

describe('a mirror', () => {
  const AGAIN = (next: number) =>
    `images on this mirror would be mirrored again by mirrors[${next}]; a mirror must lie outside every "from"`;
  const UNUSED = (first: number) =>
    `never used, as mirrors[${first}] takes all these images before; put the narrower "from" first`;
  const NO_REGISTRY = (text: string) => `"${text}" is not a registry, with or without a path: write host[:port][/path]`;

  test.each<[what: string, listed: readonly MirrorFile[], problems: readonly string[]]>([
    ['onto itself', mirrors('a.example → a.example'), [`/mirrors/0/to: ${AGAIN(0)}`]],
    [
      'into itself, which grows with each admission',
      mirrors('docker.io → docker.io/mirror'),
      [`/mirrors/0/to: ${AGAIN(0)}`],
    ],
    [
      'into itself, by another name',
      mirrors('index.docker.io → registry-1.docker.io/mirror'),
      [`/mirrors/0/to: ${AGAIN(0)}`],
    ],
    ['out of itself', mirrors('a.example/b/c → a.example/b'), [`/mirrors/0/to: ${AGAIN(0)}`]],
    [
      'round in a circle',
      mirrors('docker.io → quay.io/hub', 'quay.io → docker.io/quay'),
      [`/mirrors/0/to: ${AGAIN(1)}`, `/mirrors/1/to: ${AGAIN(0)}`],
    ],
    ['in a chain', mirrors('docker.io → quay.io/hub', 'quay.io → m.example'), [`/mirrors/0/to: ${AGAIN(1)}`]],
    [
      'twice from the same',
      mirrors('ghcr.io → m.example/a', 'ghcr.io → m.example/b'),
      [`/mirrors/1/from: ${UNUSED(0)}`],
    ],
    [
      'twice from Docker Hub, by two of its names',
      mirrors('docker.io → m.example/a', 'index.docker.io → m.example/b'),
      [`/mirrors/1/from: ${UNUSED(0)}`],
    ],
    [
      'the wider before the narrower',
      mirrors('docker.io → m.example/a', 'docker.io/library → m.example/b'),
      [`/mirrors/1/from: ${UNUSED(0)}`],
    ],
    ['from a URL', mirrors('https://docker.io → m.example'), [`/mirrors/0/from: ${NO_REGISTRY('https://docker.io')}`]],
    ['from one word', mirrors('docker → m.example'), [`/mirrors/0/from: ${NO_REGISTRY('docker')}`]],
    ['from a glob', mirrors('*.io → m.example'), [`/mirrors/0/from: ${NO_REGISTRY('*.io')}`]],
    ['to an image', mirrors('docker.io → m.example/hub:1'), [`/mirrors/0/to: ${NO_REGISTRY('m.example/hub:1')}`]],
    ['to capitals', mirrors('docker.io → m.example/Hub'), [`/mirrors/0/to: ${NO_REGISTRY('m.example/Hub')}`]],
    [
      'to a path with two slashes',
      mirrors('docker.io → m.example/a//b'),
      [`/mirrors/0/to: ${NO_REGISTRY('m.example/a//b')}`],
    ],
    ['to credentials', mirrors('docker.io → me:s3cret@m.example'), [`/mirrors/0/to: ${NO_REGISTRY('***@m.example')}`]],
    ['the narrower before the wider', mirrors('docker.io/library → m.example/a', 'docker.io → m.example/b'), []],
    ['one to another place in the same registry', mirrors('m.example/a → m.example/b'), []],
    ['of a name that only begins alike', mirrors('m.example/hub → m.example/hub-mirror'), []],
    ['two to the same place', mirrors('docker.io → m.example/a', 'quay.io → m.example/a'), []],
    [
      'with ports, addresses and slashes at the end',
      mirrors('10.0.0.1:5000/ → [fd00::1]:5000/a/', 'localhost → m.example'),
      [],
    ],
  ])('%s', (_what, listed, problems) => {
    expect(build(listed).problems).toEqual(problems);
  });
});

test('what is left when others make no sense is known by its place in the file', () => {
  expect(build(mirrors('docker → m.example', 'index.docker.io/a → m.example/b/')).built).toEqual([
    { from: { registry: 'docker.io', path: 'a' }, to: { registry: 'm.example', path: 'b' }, at: 1 },
  ]);
});
