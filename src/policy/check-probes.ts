import {
  findRegistry,
  probesAny,
  type ImagePrefix,
  type PolicyOf,
  type RuleDefinition,
  type Registry,
} from './policy.ts';
import { matchHostPattern, toHostTarget, type HostPattern } from '../image/host-pattern.ts';
import { quote } from '../text/quote.ts';
import { joinPointer } from '../text/json.ts';
import type { BuiltMirror } from './build-mirrors.ts';
import type { PolicyFile } from './build-policy.ts';
import type { Report } from './describe-schema-error.ts';

/**
 * Says which rules are set to ask registries that nobody may ask: they would find nothing, and be believed to. And which
 * entries were made to have a registry asked, and take its pull secret away.
 */
export function checkProbes(
  file: PolicyFile,
  policy: PolicyOf<RuleDefinition>,
  mirrors: readonly BuiltMirror[],
  report: Report,
): void {
  checkSecretsKept(file, policy, report);
  const isAnyAsked = probesAny(policy);
  for (const { rule, options } of policy.rules) {
    const pointer = joinPointer('/rules', rule.id);
    const isSet = file.rules?.[rule.id] !== undefined;
    if (isSet && !isAnyAsked && rule.needs.includes('registries')) report(pointer, ASKS_NOBODY);
    if (rule.id !== 'mirror-used' || options['verify'] !== true) continue;
    for (const mirror of mirrors.filter(({ to }) => !isAsked(policy, to))) {
      report(joinPointer(pointer, 'verify'), describeUnasked(file, policy, mirror));
    }
  }
}

/**
 * An entry of one's own takes the place of a built-in one, and without `pullSecret` its images need none. That is how public
 * images are taken out, by their path; of a host as a whole, and with `probe`, it is a slip that pods would pay for.
 */
function checkSecretsKept({ registries = [] }: PolicyFile, policy: PolicyOf<RuleDefinition>, report: Report): void {
  // Those that are built in follow the file's own.
  const builtIn = policy.registries
    .slice(registries.length)
    .flatMap(({ hosts, pullSecret = '' }) => hosts.map((taken) => ({ taken, pullSecret })));
  for (const [at, entry] of policy.registries.slice(0, registries.length).entries()) {
    if (entry.probe === undefined || entry.pullSecret !== undefined) continue;
    for (const [index, host] of entry.hosts.entries()) {
      const found = builtIn.find(({ taken }) => host.path === '' && findSpeaker(policy, host, taken) === entry);
      if (found !== undefined) report(joinPointer('/registries', at, 'hosts', index), describeTaken(host, found));
    }
  }
}

type Taken = Readonly<{ taken: HostPattern; pullSecret: string }>;

function describeTaken(host: HostPattern, { taken, pullSecret }: Taken): string {
  const advice = host.labels.some((_, at) => isWider(host, taken, at))
    ? `put an entry with that for ${quote(taken.text)} before this one`
    : 'add that here, or write the path of images that need none behind the host';
  return `${quote(host.text)} takes the place of the built-in ${quote(taken.text)}, whose "pullSecret: ${pullSecret}" it lacks; ${advice}`;
}

/** The entry that speaks for images on hosts that both patterns match; undefined when there are none. */
function findSpeaker(policy: PolicyOf<RuleDefinition>, host: HostPattern, other: HostPattern): Registry | undefined {
  const sample = { registry: findShared(host, other), repository: 'any' };
  return matchHostPattern(other, toHostTarget(sample)) ? findRegistry(policy, sample) : undefined;
}

/** A host as both patterns may have it: where one has a glob, what the other says. */
function findShared(host: HostPattern, other: HostPattern): string {
  const labels = host.text.replace('/', '').split('.');
  return labels
    .map((label, at) => (isWider(host, other, at) ? String(other.labels[at]) : label))
    .join('.')
    .replaceAll(/[*?]/g, 'x');
}

function isWider(host: HostPattern, other: HostPattern, at: number): boolean {
  return typeof host.labels[at] !== 'string' && typeof other.labels[at] === 'string';
}

const ASKS_NOBODY = 'asks nobody: no entry of registries has probe; add "probe: true" to those that it may ask';

/** Whether some image at least that a mirror may hold is in a registry that may be asked. */
function isAsked(policy: PolicyOf<RuleDefinition>, to: ImagePrefix): boolean {
  const sample = toSample(to);
  if (findRegistry(policy, sample)?.probe !== undefined) return true;
  // An entry may be for a part of the mirror.
  const { labels, port } = toHostTarget(sample);
  const inside = to.path === '' ? '' : `${to.path}/`;
  return policy.registries
    .filter(({ probe }) => probe !== undefined)
    .flatMap(({ hosts }) => hosts)
    .some((host) => host.path.startsWith(inside) && matchHostPattern(host, { labels, port, repository: host.path }));
}

function describeUnasked(
  { registries = [], mirrors = [] }: PolicyFile,
  policy: PolicyOf<RuleDefinition>,
  { at, to }: BuiltMirror,
): string {
  const found = findRegistry(policy, toSample(to));
  const entry = found === undefined ? -1 : policy.registries.indexOf(found);
  // Those that are built in follow the file's own; an entry of one's own takes their place, so that it needs their secret too.
  const secret = found?.pullSecret === undefined ? '' : `, pullSecret: ${found.pullSecret}`;
  const advice =
    entry >= 0 && entry < registries.length
      ? `add "probe: true" to registries[${entry}]`
      : `add to registries "- { hosts: ['${to.registry}']${secret}, probe: true }"`;
  return `mirrors[${at}] cannot be asked, as no entry of registries for ${quote(mirrors[at]?.to ?? '')} has probe; ${advice}`;
}

type Sample = Readonly<{ registry: string; repository: string }>;

/** An image as it may be on the mirror. */
function toSample({ registry, path }: ImagePrefix): Sample {
  return { registry, repository: path === '' ? 'any' : `${path}/any` };
}
