import { failBy, failWith, type FailedPull } from '../../cause/answer.ts';
import { readErrorBody, type RefusalReason } from './error-body.ts';
import type { ExchangeResponse } from '../exchange/exchange.ts';
import type { Reply } from './follow-redirects.ts';
import { readRetryAfter } from './rate-limit.ts';

/** As whom a registry was asked. */
export type Asker = Readonly<{
  hasCredentials: boolean;
  /** How it was logged in to; undefined when it was not. */
  login: 'basic' | 'bearer' | undefined;
  /** Milliseconds since 1970. */
  now: number;
}>;

/** What a response means that is no manifest. The body counts more than the status, as it is the more exact where it is known. */
export function judgeRefusal({ response, isElsewhere }: Reply, asker: Asker): FailedPull {
  const { status, headers, body } = response;
  const reason = status < 400 ? undefined : readErrorBody(body);
  if (status === 429 || reason === 'rate-limited') {
    return { outcome: 'failed', cause: 'rate-limited', endsAt: readRetryAfter(headers, asker.now) };
  }
  if (isElsewhere) return judgeElsewhere(status, reason);
  switch (reason) {
    case 'no-repository':
      return notFound('repository-not-found');
    case 'no-image':
      return notFound('image-not-found');
    case 'login':
      return deny(asker, 'login');
    case 'denied':
      return deny(asker, status === 401 && asker.login !== 'bearer' ? 'login' : 'access');
    case undefined:
      return judgeStatus(response, asker);
  }
}

/** Some registries do nothing but redirect, and what is not there is not there. Who is denied was never told who asks. */
function judgeElsewhere(status: number, reason: RefusalReason | undefined): FailedPull {
  if (status === 404) return notFound(reason === 'no-repository' ? 'repository-not-found' : 'image-not-found');
  return failBy('elsewhere-status', status);
}

function judgeStatus({ status }: ExchangeResponse, asker: Asker): FailedPull {
  // Who was given a token is who they say, or anybody; it just does not let them pull this.
  if (status === 401) return deny(asker, asker.login === 'bearer' ? 'access' : 'login');
  if (status === 403) return deny(asker, 'access');
  if (status === 404) return notFound('image-not-found');
  return failBy('status', status);
}

function deny({ hasCredentials }: Asker, lacks: 'login' | 'access'): FailedPull {
  if (lacks === 'login') return failWith(hasCredentials ? 'credentials-refused' : 'credentials-missing');
  return failWith(hasCredentials ? 'access-denied' : 'anonymous-denied');
}

function notFound(cause: 'repository-not-found' | 'image-not-found'): FailedPull {
  return { outcome: 'failed', cause };
}
