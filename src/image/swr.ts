/**
 * Shared SWR, where CCE keeps `default-secret` valid in every namespace. A region is one label (`eu-de`) or two
 * (`eu-ch2.sc`); the first label is `swr` and nothing else, as `swr-api` and `swr-pro` are other services.
 */
export const SWR_HOSTS = [
  'swr.*.myhuaweicloud.com',
  'swr.*.*.myhuaweicloud.com',
  'swr.*.myhuaweicloud.eu',
  'swr.*.otc.t-systems.com',
  'swr.*.*.otc.t-systems.com',
] as const;

/** Whether a registry is likely to be SWR, in whichever region. */
export function looksLikeSwr(registry: string): boolean {
  return registry.startsWith('swr.');
}

/** The pull secret for SWR that CCE keeps in every namespace, and renews. What it holds under another name is a copy. */
export const CCE_SECRET = 'default-secret';
