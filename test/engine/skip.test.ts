import { describe, expect, test } from 'vitest';
import { judgeSkips } from '../../src/engine/skip.ts';
import { WORKLOAD_KINDS } from '../../src/workload/kinds.ts';
import { readWorkloads } from '../../src/workload/workload.ts';
import { pod } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';

function judge(
  annotation: string,
  ...policy: readonly string[]
): { waived: readonly string[]; messages: readonly string[] } {
  const object = {
    ...pod('nginx'),
    metadata: { name: 'web', namespace: 'shop', annotations: { 'pullguard.dev/skip': annotation } },
  };
  const [workload] = readWorkloads(object, WORKLOAD_KINDS[0]!, 'shop');
  const { waived, problems } = judgeSkips(workload!, policyOf(...policy));
  return { waived: [...waived], messages: problems.map(({ value = '', message }) => `${value} ${message}`) };
}

describe('the annotation pullguard.dev/skip', () => {
  test('works where the policy allows it', () => {
    expect(judge('tag-explicit', 'skip: { rules: [tag-explicit] }')).toEqual({
      waived: ['tag-explicit'],
      messages: [],
    });
    expect(
      judge('tag-explicit, mirror-used', 'skip: { rules: [tag-explicit, mirror-used], namespaces: [sh*] }').waived,
    ).toEqual(['tag-explicit', 'mirror-used']);
  });

  test.each<[string, string, string, RegExp]>([
    ['by default', 'tag-explicit', '', /^tag-explicit may not be skipped, as the policy allows no skipping$/],
    [
      'for another rule',
      'reference-valid',
      'skip: { rules: [tag-explicit] }',
      /^reference-valid may not be skipped; the policy allows "tag-explicit"$/,
    ],
    [
      'in another namespace',
      'tag-explicit',
      'skip: { rules: [tag-explicit], namespaces: [dev-*] }',
      /^tag-explicit may not be skipped in this namespace/,
    ],
    [
      'for what is no rule',
      'tags',
      'skip: { rules: [tag-explicit] }',
      /^tags is no rule, .*rules are reference-valid, /,
    ],
  ])('does nothing %s, and says so', (_, annotation, policy, expected) => {
    const { waived, messages } = judge(annotation, ...(policy === '' ? [] : [policy]));
    expect(waived).toEqual([]);
    expect(messages).toEqual([expect.stringMatching(expected)]);
  });
});
