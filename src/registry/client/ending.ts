import { failBy, outcomeOf, type FailedPull } from '../../cause/answer.ts';
import type { Fault } from '../../cause/fault.ts';
import type { NotAsked } from '../../cause/not-asked.ts';
import type { ExchangeFailure } from '../exchange/exchange-error.ts';
import { endpointOf } from './registry-address.ts';

/** Where asking ended before there was an image: it cannot be pulled, or the policy does not allow to ask on. */
export type Ending =
  /** `endpoint` is who was asked, where that is not the registry itself. */
  Readonly<{ failure: FailedPull; endpoint?: string }> | Readonly<{ notAsked: NotAsked }>;

export function isEnding(result: object): result is Ending {
  return 'failure' in result || 'notAsked' in result;
}

/** It does not do what a registry does; a number as the fault has it. */
export function broken(what: Fault['what'], number?: number): Ending {
  return { failure: failBy(what, number) };
}

/** No response came from a host that the policy names: the registry, or the service that gives its tokens. */
export function toEnding(failure: ExchangeFailure, url: URL): Ending {
  if (failure.outcome === 'failed') return { failure, endpoint: endpointOf(url) };
  return { notAsked: { why: 'address-not-allowed', host: url.hostname, address: failure.address } };
}

/**
 * No response came from a host that the registry sent us to. To name it to users would be to let the registry write to them,
 * and to say that the registry itself cannot be reached would be wrong.
 */
export function toEndingElsewhere(failure: ExchangeFailure, url: URL): Ending {
  if (failure.outcome !== 'failed') {
    return { notAsked: { why: 'redirect-to-private-network', host: url.host, address: failure.address } };
  }
  const outcome = outcomeOf(failure);
  if (outcome === 'certificate') return broken('elsewhere-certificate');
  return broken(outcome === 'unreachable' ? 'elsewhere-unreachable' : 'elsewhere-nonsense');
}
