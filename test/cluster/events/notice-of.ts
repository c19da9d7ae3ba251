import type { Notice } from '../../../src/cluster/events/event-book.ts';

export function noticeOf(
  name: string,
  { namespace = 'default', ...overrides }: Partial<Notice> & { namespace?: string } = {},
): Notice {
  const involved = { apiVersion: 'v1', kind: 'Pod', namespace, name };
  return { involved, outcome: 'denied', rule: 'reference-valid', message: 'wrong', ...overrides };
}
