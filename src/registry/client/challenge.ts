/** One way to log in, as a registry offers it in `WWW-Authenticate`. Names of parameters are in lower case, values as written. */
export type Challenge = Readonly<{ scheme: string; parameters: ReadonlyMap<string, string> }>;

/** A way to log in that we know. */
export type UsableChallenge = Readonly<
  { kind: 'bearer'; realm: string; service?: string; scope?: string } | { kind: 'basic' }
>;

/**
 * The challenge to answer: Bearer, else Basic, as containerd prefers; undefined when there is neither, or none that says where
 * its tokens are.
 *
 * @param header `WWW-Authenticate`; several of them joined with commas, as Node does
 */
export function chooseChallenge(header: string | undefined): UsableChallenge | undefined {
  const challenges = parseChallenges(header ?? '');
  for (const { scheme, parameters } of challenges) {
    const realm = parameters.get('realm') ?? '';
    if (scheme !== 'bearer' || realm === '') continue;
    const service = parameters.get('service');
    const scope = parameters.get('scope');
    return { kind: 'bearer', realm, ...(service !== undefined && { service }), ...(scope !== undefined && { scope }) };
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { kind: 'basic' } : undefined;
}

/**
 * Whether a token is wanted for other repositories and not for this one, as behind a proxy that gives repositories other names.
 *
 * @param scope as a challenge has it, `repository:team/app:pull`, several of them with spaces between
 */
export function isForOthers(scope: string | undefined, repository: string): boolean {
  const names = (scope ?? '').split(' ').flatMap((part) => /^repository:([^:]+):/.exec(part)?.[1] ?? []);
  return names.length > 0 && !names.includes(repository);
}

/**
 * Reads all challenges of a header (RFC 9110, 11.6.1). What is malformed is passed over, never guessed: a name without a value
 * reads as a scheme, which then is none that anybody knows. Of a parameter that stands twice the first counts.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (const { groups } of header.matchAll(PART)) {
    const { name, quoted, plain, scheme } = groups ?? {};
    const current = challenges.at(-1)?.parameters;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map<string, string>() });
    else if (name !== undefined && current?.has(name.toLowerCase()) === false) {
      current.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/gs, '$1') ?? plain ?? '');
    }
  }
  return challenges;
}

const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const QUOTED = '[^"\\\\]*(?:\\\\.[^"\\\\]*)*';

/**
 * A parameter, quoted or not; a scheme; or quoted text that belongs to nothing, so that what is within it counts for nothing.
 * Quotes that are never closed take all the rest with them.
 */
const PART = new RegExp(
  `(?<name>${TOKEN})[ \\t]*=[ \\t]*(?:"(?<quoted>${QUOTED})"|"[^]*$|(?<plain>${TOKEN})?)|(?<scheme>${TOKEN})|"${QUOTED}"?`,
  'gs',
);
