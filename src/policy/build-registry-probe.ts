import type { RegistryProbe } from './policy.ts';
import { isCidr } from '../image/cidr.ts';
import { isDomain, splitDomain } from '../image/reference.ts';
import { quote } from '../text/quote.ts';
import { joinPointer, type Pointer } from '../text/json.ts';
import type { Report } from './describe-schema-error.ts';
import { readCertificates } from './read-certificates.ts';

/** What a policy file says of asking a registry, as its schema lets it be. */
export type RegistryProbeFile = boolean | Readonly<Partial<RegistryProbe>>;

/** How a registry is asked; undefined when it is not. */
export function buildRegistryProbe(
  given: RegistryProbeFile | undefined,
  at: Pointer,
  report: Report,
): RegistryProbe | undefined {
  if (given === undefined || given === false) return undefined;
  const { ca, plainHttp = false, tokenHosts = [], addresses = [], mirrors = [] } = given === true ? {} : given;
  const trusted = ca === undefined ? undefined : checkCa(ca, plainHttp, joinPointer(at, 'ca'), report);
  checkHosts(tokenHosts, joinPointer(at, 'tokenHosts'), report);
  checkHosts(mirrors, joinPointer(at, 'mirrors'), report);
  return {
    ...(trusted !== undefined && { ca: trusted }),
    plainHttp,
    tokenHosts,
    addresses: buildAddresses(addresses, joinPointer(at, 'addresses'), report),
    mirrors,
  };
}

function checkCa(text: string, plainHttp: boolean, at: Pointer, report: Report): string | undefined {
  if (plainHttp) report(at, 'is of no use, as plainHttp asks without TLS; leave one of the two out');
  const read = readCertificates(text);
  if (!read.ok) report(at, read.problem);
  return read.ok ? read.pem : undefined;
}

function checkHosts(hosts: readonly string[], at: Pointer, report: Report): void {
  for (const [index, host] of hosts.entries()) {
    const message = `${quote(host)} is not a host: write host or host:port, without scheme, path or glob`;
    if (!isHostAndPort(host)) report(joinPointer(at, index), message);
  }
}

function isHostAndPort(text: string): boolean {
  const port = Number(splitDomain(text).port ?? 443);
  return isDomain(text) && port > 0 && port <= 65_535;
}

/** All as ranges; a single address is one of its own. */
function buildAddresses(addresses: readonly string[], pointer: Pointer, report: Report): readonly string[] {
  return addresses.flatMap((text, at) => {
    const cidr = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
    if (isCidr(cidr)) return cidr;
    const message = `${quote(text)} is neither an IP address nor a range of them: write 10.20.0.5 or 10.20.0.0/16`;
    report(joinPointer(pointer, at), message);
    return [];
  });
}
