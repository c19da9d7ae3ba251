import type { Notice } from '../../../src/admission/notices.ts';

export function noticeOf(
  name: string,
  { namespace = 'default', ...overrides }: Partial<Notice> & { namespace?: string } = {},
): Notice {
  const involved = { apiVersion: 'v1', kind: 'Pod', namespace, name };
  return { involved, outcome: 'denied', rule: 'reference-valid', message: 'wrong', ...overrides };
}
