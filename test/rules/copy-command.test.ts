import { expect, test } from 'vitest';
import { formatCopyCommand } from '../../src/rules/copy-command.ts';
import { readReference } from '../../src/image/reference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

/** Each was run with skopeo against a registry: what is in it afterwards is what the address on the mirror names. */
test.each([
  ['', '--all docker://docker.io/library/nginx docker://m.example.com/hub/library/nginx'],
  [':1.25', '--all docker://docker.io/library/nginx:1.25 docker://m.example.com/hub/library/nginx:1.25'],
  [
    `@${DIGEST}`,
    `--all --preserve-digests docker://docker.io/library/nginx@${DIGEST} docker://m.example.com/hub/library/nginx@${DIGEST}`,
  ],
  // skopeo refuses an address with both.
  [
    `:1.25@${DIGEST}`,
    `--all --preserve-digests docker://docker.io/library/nginx@${DIGEST} docker://m.example.com/hub/library/nginx:1.25`,
  ],
])('an image with version "%s" is copied by skopeo copy %s', (version, expected) => {
  const [from, to] = [readReference(`nginx${version}`)!, readReference(`m.example.com/hub/library/nginx${version}`)!];
  expect(formatCopyCommand(from, to)).toBe(`skopeo copy ${expected}`);
});
