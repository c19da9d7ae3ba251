import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { isDomain, splitDomain } from '../../image/reference.ts';
import { DURATION_PATTERN, parseDuration } from '../../text/time.ts';
import { joinPointer, type Pointer } from '../../text/json.ts';
import { quote } from '../../text/quote.ts';
import { listOf, objectOf, TEXT, type Report, type Schema } from '../section.ts';

/** How a registry may be asked. */
export type RegistryProbe = Readonly<{
  /** PEM certificates of CAs to trust, in addition to the usual ones. */
  ca?: string;
  plainHttp: boolean;
  /** Other hosts that may issue tokens for it, with a port if not the default one. */
  tokenHosts: readonly string[];
  /** Private, loopback and link-local addresses that it may have, as CIDRs: `10.20.0.0/16`. */
  addresses: readonly string[];
  /** Hosts that nodes ask first for its images, as configured in their container engine; asked without credentials. */
  mirrors: readonly string[];
}>;

const NOTHING_ALLOWED: RegistryProbe = { plainHttp: false, tokenHosts: [], addresses: [], mirrors: [] };

const hosts = (description: string): Schema => listOf(TEXT, { default: [], description });

/** The schema of `probe` in an entry of `registries`. */
export const registryProbeSchema: Schema = {
  type: ['boolean', 'object'],
  default: false,
  description: 'whether pullguard may ask these registries: `true`, or an object with options',
  if: { type: 'object' },
  then: objectOf({
    ca: {
      ...TEXT,
      description: 'PEM certificates of CAs to trust for it, in addition to the usual ones; never a private key',
    },
    plainHttp: {
      type: 'boolean',
      default: NOTHING_ALLOWED.plainHttp,
      description:
        'use plain HTTP instead of HTTPS, for it and its token service. Credentials are then sent unencrypted',
    },
    tokenHosts: hosts(
      'hosts besides itself, with a port if not 443, that may issue tokens for it, and so are sent its credentials',
    ),
    addresses: hosts('private, loopback or link-local IP addresses or ranges that it may resolve to'),
    mirrors: hosts(
      'hosts that nodes ask first for its images, as configured in their container engine. pullguard asks them first too, without credentials. If one requires authentication or may not be asked, denials of the registry are not reported, as nodes may get the image from there',
    ),
  }),
};

export type RegistryProbeFile = boolean | Readonly<Partial<RegistryProbe>>;

/** How a registry may be asked; undefined if it may not. */
export function buildRegistryProbe(
  given: RegistryProbeFile = false,
  at: Pointer,
  report: Report,
): RegistryProbe | undefined {
  if (given === false) return undefined;
  const { ca, ...probe } = { ...NOTHING_ALLOWED, ...(given === true ? {} : given) };
  if (ca !== undefined && probe.plainHttp) report(joinPointer(at, 'ca'), CA_UNUSED);
  const trusted = ca === undefined ? undefined : readCertificates(ca, joinPointer(at, 'ca'), report);
  checkHosts(probe.tokenHosts, joinPointer(at, 'tokenHosts'), report);
  checkHosts(probe.mirrors, joinPointer(at, 'mirrors'), report);
  const addresses = buildRanges(probe.addresses, joinPointer(at, 'addresses'), report);
  return { ...probe, addresses, ...(trusted !== undefined && { ca: trusted }) };
}

const CA_UNUSED = 'not used, as plainHttp does not use TLS: remove one of the two';

function checkHosts(texts: readonly string[], at: Pointer, report: Report): void {
  for (const [index, text] of texts.entries()) {
    const port = Number(splitDomain(text).port ?? 443);
    const message = `${quote(text)} is not a host: write host or host:port, without scheme, path or glob`;
    if (!isDomain(text) || port <= 0 || port > 65_535) report(joinPointer(at, index), message);
  }
}

function buildRanges(addresses: readonly string[], at: Pointer, report: Report): readonly string[] {
  return addresses.flatMap((text, index) => {
    const range = toRange(text);
    const message = `${quote(text)} is not an IP address or range: write 10.20.0.5 or 10.20.0.0/16`;
    if (range === undefined) report(joinPointer(at, index), message);
    return range ?? [];
  });
}

/** The text as a CIDR; a single address gets its full length. One with a zone, `fe80::1%eth0`, is only valid on one machine. */
function toRange(text: string): string | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0) return undefined;
  const bits = version === 4 ? 32 : 128;
  const length = slash < 0 ? String(bits) : text.slice(slash + 1);
  // Leading zeros are refused, as they are octal for some programs and decimal for others.
  return /^(?:0|[1-9][0-9]{0,2})$/.test(length) && Number(length) <= bits ? `${address}/${length}` : undefined;
}

/** The certificates of a PEM text, without anything else. Other content is never repeated in messages. */
function readCertificates(text: string, at: Pointer, report: Report): string | undefined {
  const blocks = text.split(/(?=-----BEGIN )/).filter((block) => block.startsWith('-----BEGIN CERTIFICATE-----'));
  const certificates = blocks.map((block) => readCertificate(block));
  const broken = certificates.indexOf(undefined);
  const which = blocks.length === 1 ? 'certificate' : `certificate ${broken + 1} of ${blocks.length}`;
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) report(at, HAS_KEY);
  else if (blocks.length === 0) report(at, HAS_NO_CERTIFICATE);
  else if (broken >= 0) report(at, `${which} cannot be parsed: paste it complete, each line as it is in the file`);
  else return certificates.join('');
  return undefined;
}

const HAS_KEY =
  'has a private key, which does not belong here: keep only the certificate, and replace the key, as it is no longer secret';

const HAS_NO_CERTIFICATE =
  'has no PEM certificate: paste the CA with its lines "-----BEGIN CERTIFICATE-----" and "-----END CERTIFICATE-----"';

/** As PEM again, without text before or after it. */
function readCertificate(block: string): string | undefined {
  try {
    return new X509Certificate(block).toString();
  } catch {
    return undefined;
  }
}

type Limits<Value> = readonly [usual: Value, least: Value, most: Value];

/** A string with a unit: a plain number such as 5 would usually be meant as seconds, not milliseconds. */
function time([usual, least, most]: Limits<string>, description: string) {
  const title = 'an integer with a unit, such as 250ms, 10s, 5m or 1h';
  return { type: 'string', pattern: DURATION_PATTERN, title, default: usual, least, most, description };
}

function count([usual, minimum, maximum]: Limits<number>, description: string) {
  return { type: 'integer', default: usual, minimum, maximum, description };
}

/** At least one second: the answers for a review must still be cached when it is decided again. */
const CACHE = {
  positive: time(['5m', '1s', '24h'], 'how long the answer that an image exists is cached'),
  negative: time(['15s', '1s', '24h'], 'how long the answer that it is denied or not found is cached'),
  error: time(['15s', '1s', '24h'], 'how long a failure to get an answer is cached'),
  entries: count([10_000, 1, 1_000_000], 'most answers in the cache; a quarter of them for one namespace'),
};

const PROBE = {
  wait: time(
    ['1500ms', '0ms', '30s'],
    'how long an admission of what people apply waits for answers at most, within the timeout of the API server. Later answers are reported by an Event on the object',
  ),
  waitForControllers: time(
    ['250ms', '0ms', '30s'],
    'the same for what controllers create: the Pods of a Deployment, the Jobs of a CronJob',
  ),
  timeout: time(['10s', '100ms', '60s'], 'how long one probe may take, with all its requests'),
  cache: objectOf(CACHE, { description: 'how long answers are cached, and how many' }),
  concurrency: count([8, 1, 100], 'most probes of one registry at a time; half of them for one namespace'),
};

export const probeSchema = objectOf(PROBE, {
  description: 'limits for asking registries',
  removed: { dockerHubPerHour: 'Docker Hub is asked by HEAD only, which does not count as a pull' },
});

export type ProbeFile = Readonly<{
  wait?: string;
  waitForControllers?: string;
  timeout?: string;
  cache?: Readonly<{ positive?: string; negative?: string; error?: string; entries?: number }>;
  concurrency?: number;
}>;

/** Limits for asking registries; times in milliseconds. */
export type ProbeSettings = Readonly<
  Record<
    'waitMs' | 'controllerWaitMs' | 'timeoutMs' | 'positiveMs' | 'negativeMs' | 'errorMs' | 'entries' | 'concurrency',
    number
  >
>;

export function buildProbe({ cache = {}, ...file }: ProbeFile = {}, report: Report): ProbeSettings {
  return {
    waitMs: readTime(file.wait, PROBE.wait, '/probe/wait', report),
    controllerWaitMs: readTime(file.waitForControllers, PROBE.waitForControllers, '/probe/waitForControllers', report),
    timeoutMs: readTime(file.timeout, PROBE.timeout, '/probe/timeout', report),
    positiveMs: readTime(cache.positive, CACHE.positive, '/probe/cache/positive', report),
    negativeMs: readTime(cache.negative, CACHE.negative, '/probe/cache/negative', report),
    errorMs: readTime(cache.error, CACHE.error, '/probe/cache/error', report),
    entries: cache.entries ?? CACHE.entries.default,
    concurrency: file.concurrency ?? PROBE.concurrency.default,
  };
}

function readTime(given: string | undefined, schema: ReturnType<typeof time>, at: Pointer, report: Report): number {
  const { default: usual, least, most } = schema;
  const written = given ?? usual;
  // The schema has already refused texts that are not durations.
  const parse = (text: string): number => parseDuration(text) ?? 0;
  if (parse(written) < parse(least)) report(at, `must be ${least} or more, is ${quote(written)}`);
  if (parse(written) > parse(most)) report(at, `must be ${most} or less, is ${quote(written)}`);
  return parse(written);
}
