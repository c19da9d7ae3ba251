import { describe, expect, it } from 'vitest';

import {
  findMisprint,
  findPlaceholder,
  hasHiddenPlaceholder,
  isPrintedObject,
  isStandIn,
} from '../../src/image/placeholder.ts';

describe('findPlaceholder', () => {
  it.each([
    '${TAG}',
    '${TAG:-latest}',
    '${TAG',
    '$(TAG)',
    '$(git rev-parse HEAD)',
    '$TAG',
    '$1',
    '${{ matrix.tag }}',
    '{{ .Values.image.tag }}',
    '{{TAG}',
    '{{',
    '{% tag %}',
    '{0}',
    '#{TAG}#',
    '[[ tag ]]',
    '((tag))',
    '[TAG]',
    '<tag>',
    '<%= tag %>',
    '%TAG%',
    '%s',
    '%(tag)s',
    '@TAG@',
    '@@TAG@@',
    '__TAG__',
    'CHANGEME',
    'replace-me',
    'YOUR_TAG',
    'TAG',
  ])('tells a user of a wrong character where %s was never replaced', (placeholder) => {
    expect(findPlaceholder(`Registry/app:${placeholder}`)).toBe(placeholder);
    expect(findPlaceholder(placeholder)).toBe(placeholder);
  });

  it('hides that an image was never built by ko', () => {
    expect(findPlaceholder('ko://github.com/org/app')).toBe('ko://github.com/org/app');
  });

  it.each([
    'NGINX:1.25',
    'nginx:$',
    'nginx%3A1.25',
    'user:p@SSWORD@a.b',
    '[2001:db8::1]:5000',
    'nginx@sha256:',
    'Registry/app',
  ])('takes a part of %j for a placeholder', (written) => {
    expect(findPlaceholder(written)).toBeUndefined();
  });
});

describe('hasHiddenPlaceholder', () => {
  it('takes a placeholder between "@" signs for credentials, or credentials for one', () => {
    expect(hasHiddenPlaceholder('a.b/@ORG@/app')).toBe(true);
    expect(hasHiddenPlaceholder('user:P@SSWORD@a.b/app')).toBe(false);
  });
});

describe('findMisprint', () => {
  it.each([
    ['nginx:<no value>', '<no value>'],
    ['<nil>/app', '<nil>'],
    ['nginx:%!s(<nil>)', '%!s(<nil>)'],
    ['nginx:%!s(float64=1.25)', '%!s(float64=1.25)'],
    ['nginx:%!d(string=1)', '%!d(string=1)'],
    ['nginx:%!s(', '%!s('],
    ['nginx:<tag>', undefined],
  ])('does not tell that a template had no value for %j', (written, misprint) => {
    expect(findMisprint(written)).toBe(misprint);
  });
});

describe('isPrintedObject', () => {
  it.each([
    ['map[repository:nginx tag:1.25]', true],
    ['[object Object]', true],
    ['{"repository":"nginx"}', true],
    ['{TAG}', false],
    ['map', false],
    ['[::1]/app', false],
  ])('mistakes %j', (written, is) => {
    expect(isPrintedObject(written)).toBe(is);
  });
});

describe('isStandIn', () => {
  it.each([
    'null',
    'undefined',
    'None',
    'TODO',
    'xxx',
    'x.y.z',
    'changeme',
    'replace_me',
    'your-image',
    'image_address',
    'TAG',
  ])('lets %s pass for a name or tag', (word) => {
    expect(isStandIn(word)).toBe(true);
  });

  it.each(['', 'nginx', 'registry', 'image', 'tag', 'xx', 'nullable', 'latest', '_', '__', 'MYAPP'])(
    'warns of the honest name %j',
    (word) => {
      expect(isStandIn(word)).toBe(false);
    },
  );
});
