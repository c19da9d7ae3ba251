/**
 * Hosts of shared SWR, where CCE keeps `default-secret` valid in every namespace. A region is one label (`eu-de`) or two
 * (`eu-ch2.sc`). The first label is exactly `swr`, as `swr-api` and `swr-pro` are other services.
 */
export const SWR_HOSTS = [
  'swr.*.myhuaweicloud.com',
  'swr.*.*.myhuaweicloud.com',
  'swr.*.myhuaweicloud.eu',
  'swr.*.otc.t-systems.com',
  'swr.*.*.otc.t-systems.com',
] as const;

/** Whether a registry is probably SWR, in any region. */
export function looksLikeSwr(registry: string): boolean {
  return registry.startsWith('swr.');
}

/** The pull secret for SWR that CCE creates in every namespace and renews. Its credentials in another Secret are a copy. */
export const CCE_SECRET = 'default-secret';
