/**
 * Whether a text is a range of IP addresses, `10.20.0.0/16` or `fd00::/8`. Bits after the prefix may be set, as in
 * `10.20.0.1/16`: they do not count. A zone, `fe80::%eth0/64`, is not taken, as it is of one machine only.
 */
export function isCidr(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return false;
  const [address, length] = [text.slice(0, slash), text.slice(slash + 1)];
  if (!isSmallNumber(length)) return false;
  if (isIPv4(address)) return Number(length) <= 32;
  return isIPv6(address) && Number(length) <= 128;
}

/** Without leading zeros, which are octal to some programs and decimal to others. */
function isSmallNumber(text: string): boolean {
  return /^(?:0|[1-9][0-9]{0,2})$/.test(text);
}

function isIPv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => isSmallNumber(part) && Number(part) <= 255);
}

/** Eight groups, or fewer around one `::`, which stands for at least one. */
function isIPv6(text: string): boolean {
  const [before = '', after, ...more] = text.split('::');
  if (more.length > 0) return false;
  if (after === undefined) return countGroups(before, { mayEndInIPv4: true }) === 8;
  return countGroups(before, { mayEndInIPv4: false }) + countGroups(after, { mayEndInIPv4: true }) <= 7;
}

/** Groups of 16 bits, two of which may be written as an IPv4 address at the end; infinitely many when any is malformed. */
function countGroups(text: string, { mayEndInIPv4 }: Readonly<{ mayEndInIPv4: boolean }>): number {
  if (text === '') return 0;
  const groups = text.split(':');
  const endsInIPv4 = mayEndInIPv4 && isIPv4(groups.at(-1) ?? '');
  const written = endsInIPv4 ? groups.slice(0, -1) : groups;
  if (!written.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return Infinity;
  return written.length + (endsInIPv4 ? 2 : 0);
}
