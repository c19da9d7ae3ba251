import { ExchangeError, type Exchange, type ExchangeRequest, type ExchangeResponse } from '../exchange/exchange.ts';
import { broken, classifyNoResponse, isFailure, type ProbeFailure, type Reply } from './outcome.ts';

/** containerd follows as many. */
const MAX_REDIRECTS = 9;

/** Other statuses from 300 on have no target to follow. */
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * Sends a request, and follows redirects. `Authorization` is sent only while scheme, host and port stay the same. After a
 * redirect to another host it is never sent again, and the addresses that the policy allows for the registry no longer apply, as
 * the registry chose the target. Another host is asked over HTTPS only, unless the policy allows plain HTTP.
 *
 * @param staysBecause the result for a redirect to another host, if these are not followed
 */
export async function followRedirects(
  exchange: Exchange,
  first: ExchangeRequest,
  { plainHttp, staysBecause }: Readonly<{ plainHttp: boolean; staysBecause?: ProbeFailure }>,
): Promise<Reply | ProbeFailure> {
  let request = first;
  let isElsewhere = false;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await sendOnce(exchange, request, isElsewhere);
    if (isFailure(response)) return response;
    if (!REDIRECTS.includes(response.status)) return { response, isElsewhere };
    const url = readLocation(response, request.url, plainHttp);
    if (isFailure(url)) return url;
    isElsewhere ||= url.origin !== first.url.origin;
    if (isElsewhere && staysBecause !== undefined) return staysBecause;
    request = isElsewhere ? leave(request, url) : { ...request, url };
  }
  return broken('redirects-on', MAX_REDIRECTS);
}

/** Sends a request without following redirects. */
export async function sendOnce(
  exchange: Exchange,
  request: ExchangeRequest,
  isElsewhere = false,
): Promise<ExchangeResponse | ProbeFailure> {
  try {
    return await exchange(request);
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    return classifyNoResponse(error.failure, request.url, isElsewhere);
  }
}

/** The target of a redirect, or why it is not followed. Where containerd would follow it, the image may still be pullable. */
function readLocation({ headers: { location } }: ExchangeResponse, from: URL, plainHttp: boolean): URL | ProbeFailure {
  if (location === undefined || !URL.canParse(location, from.href)) return NOWHERE;
  const url = new URL(location, from);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return NOWHERE;
  if (url.protocol === 'http:' && !plainHttp) return { notAsked: { why: 'redirect-to-plain-http' } };
  return url.username === '' && url.password === '' ? url : { notAsked: { why: 'redirect-with-user' } };
}

const NOWHERE = broken('redirects-nowhere');

function leave({ headers, registry, ...request }: ExchangeRequest, url: URL): ExchangeRequest {
  const others = Object.entries(headers).filter(([name]) => name !== 'Authorization');
  return { ...request, url, headers: Object.fromEntries(others), registry: { ...registry, addresses: [] } };
}
