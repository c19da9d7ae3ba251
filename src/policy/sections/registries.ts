import { matchHostPattern, toHostTarget, type HostPattern } from '../../image/host-pattern.ts';
import { CCE_SECRET, SWR_HOSTS } from '../../image/known-registries.ts';
import { joinPointer } from '../../text/json.ts';
import { MAX_SUBDOMAIN, SUBDOMAIN_PATTERN } from '../../text/kubernetes-name.ts';
import { quote } from '../../text/quote.ts';
import { findRegistry, type Registry } from '../policy.ts';
import { buildHostPatterns, listOf, objectOf, TEXT, type Report } from '../section.ts';
import { buildRegistryProbe, registryProbeSchema, type RegistryProbeFile } from './probe.ts';

export const registriesSchema = listOf(
  objectOf(
    {
      hosts: listOf(TEXT, { minItems: 1, instead: [TEXT.instead], description: 'host patterns, at least one' }),
      pullSecret: {
        type: 'string',
        pattern: SUBDOMAIN_PATTERN,
        maxLength: MAX_SUBDOMAIN,
        instead: 'placeholder',
        title: 'a valid Secret name: lowercase letters, digits, "-" and ".", at most 253 characters',
        description: 'the name of a Secret in the namespace of the Pod; without it these images need no pull secret',
      },
      probe: registryProbeSchema,
    },
    { required: ['hosts'], instead: { hosts: [TEXT.instead] } },
  ),
  { default: [], description: 'registries, and the pull secret that their images need' },
);

export type RegistryFile = Readonly<{ hosts: readonly string[]; pullSecret?: string; probe?: RegistryProbeFile }>;

/** Applies after the entries of the file. */
export const BUILT_IN: Registry = {
  hosts: buildHostPatterns(SWR_HOSTS, '', () => undefined),
  pullSecret: CCE_SECRET,
};

export function buildRegistries(file: readonly RegistryFile[] = [], report: Report): readonly Registry[] {
  const seen = new Map<string, number>();
  const own = file.map(({ hosts, pullSecret, probe: given }, at): Registry => {
    const pointer = joinPointer('/registries', at, 'hosts');
    for (const [index, host] of hosts.entries()) {
      const first = seen.get(host);
      if (first === undefined) seen.set(host, at);
      else
        report(
          joinPointer(pointer, index),
          `${quote(host)} is already in registries[${first}], which matches first: remove one`,
        );
    }
    const probe = buildRegistryProbe(given, joinPointer('/registries', at, 'probe'), report);
    return {
      hosts: buildHostPatterns(hosts, pointer, report),
      ...(pullSecret !== undefined && { pullSecret }),
      ...(probe !== undefined && { probe }),
    };
  });
  checkSecretsKept(own, report);
  return [...own, BUILT_IN];
}

/**
 * An entry of the policy takes precedence over a built-in one; without `pullSecret`, its images need none. That is how to exclude
 * public images, by their path. For a whole host, and with `probe`, it is a mistake that would break Pods.
 */
function checkSecretsKept(own: readonly Registry[], report: Report): void {
  for (const [at, entry] of own.entries()) {
    if (entry.probe === undefined || entry.pullSecret !== undefined) continue;
    for (const [index, host] of entry.hosts.entries()) {
      const overridden = BUILT_IN.hosts.find((each) => host.path === '' && findApplied(own, host, each) === entry);
      const pointer = joinPointer('/registries', at, 'hosts', index);
      if (overridden !== undefined) report(pointer, describeOverridden(host, overridden), ['/registries']);
    }
  }
}

function describeOverridden(host: HostPattern, overridden: HostPattern): string {
  const advice = host.labels.some((_, at) => findNarrower(host, overridden, at) !== undefined)
    ? `add an entry with it for ${quote(overridden.text)} before this one`
    : 'add it here, or add the path of the images that need none to the host';
  return `${quote(host.text)} replaces the built-in ${quote(overridden.text)}, but has no "pullSecret: ${CCE_SECRET}": ${advice}`;
}

/** The entry that applies to images on a host that both patterns match; undefined if there is none. */
function findApplied(registries: readonly Registry[], host: HostPattern, other: HostPattern): Registry | undefined {
  const sample = { registry: findShared(host, other), repository: 'any' };
  return matchHostPattern(other, toHostTarget(sample)) ? findRegistry({ registries }, sample) : undefined;
}

/** An example of a host that both patterns match: globs are replaced by the labels of the other pattern. */
function findShared(host: HostPattern, other: HostPattern): string {
  const labels = host.text.replace('/', '').split('.');
  return labels
    .map((label, at) => findNarrower(host, other, at) ?? label)
    .join('.')
    .replaceAll(/[*?]/g, 'x');
}

/** The label of the other pattern, if it is a word and this one's is a glob. */
function findNarrower(host: HostPattern, other: HostPattern, at: number): string | undefined {
  const label = other.labels[at];
  return typeof label === 'string' && typeof host.labels[at] !== 'string' ? label : undefined;
}
