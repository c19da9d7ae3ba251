import type { FailedPull } from '../../cause/image-answer.ts';
import { quote } from '../../text/quote.ts';
import type { ExchangeFailure } from '../exchange/exchange-error.ts';
import { endpointOf } from './registry-address.ts';

/** Where asking ended before there was an image: it cannot be pulled, or the policy does not allow to ask on. */
export type Ending =
  /** `endpoint` is who was asked, where that is not the registry itself. */
  Readonly<{ failure: FailedPull; endpoint?: string }> | Readonly<{ notAsked: string }>;

export function isEnding(result: object): result is Ending {
  return 'failure' in result || 'notAsked' in result;
}

/** @param said text of ours, without a full stop */
export function broken(said: string): Ending {
  return { failure: { outcome: 'broken', said } };
}

/** No response came from a host that the policy names: the registry, or the service that gives its tokens. */
export function toEnding(failure: ExchangeFailure, url: URL): Ending {
  if (failure.outcome !== 'forbidden-address') return { failure, endpoint: endpointOf(url) };
  return {
    notAsked: `${url.hostname} has the address ${failure.address}, which registries[].probe.addresses does not allow`,
  };
}

/**
 * No response came from a host that the registry sent us to. To name it to users would be to let the registry write to them,
 * and to say that the registry itself cannot be reached would be wrong.
 */
export function toEndingElsewhere(failure: ExchangeFailure, url: URL): Ending {
  switch (failure.outcome) {
    case 'forbidden-address':
      return {
        notAsked: `it redirects to ${quote(url.host, MAX_HOST)}, which has the address ${failure.address}; no redirect is followed into a private network`,
      };
    case 'certificate':
      return broken('it redirects to another host, whose certificate is not accepted');
    case 'unreachable':
      return broken('it redirects to another host, which cannot be reached');
    case 'broken':
      return broken('it redirects to another host, whose answer makes no sense');
  }
}

/** Hosts that registries name are shown at most so long, in characters. */
export const MAX_HOST = 80;
