import { LONGEST_CREDENTIAL_KEYS, LONGEST_DOCKER_CONFIG, MOST_CREDENTIAL_KEYS } from '../text/bounds.ts';
import type { UnreadToken } from './credential-flaws.ts';
import type { UnusedContent } from './facts.ts';
import type { Credentials } from './keyring.ts';
import { parseCredentialKey } from './credential-key.ts';
import { isRecord, parseJson } from '../text/json.ts';
import { quote } from '../text/quote.ts';

/** The keys of a docker configuration as written, each with the kept part of its credentials. */
export type DockerEntries<Kept> = ReadonlyMap<string, Kept>;

/** Returns what is kept of credentials. User name and password may be empty; `token` is a token in the same entry. */
export type KeepCredentials<Kept> = (credentials: Credentials, token?: UnreadToken) => Kept;

/**
 * Parses a `config.json` as kubelet does (`pkg/credentialprovider/config.go`), that is, as Go's `encoding/json` does: field names
 * are not case-sensitive, null leaves a field unchanged, and a value of the wrong type makes the whole text unreadable. If a
 * member is repeated with the same spelling, only the last one is seen here; Go reads both.
 *
 * @param name how messages name the text
 * @returns why kubelet cannot read it, if so; of the text itself it contains only the key of an entry
 * @throws BeyondBoundError
 */
export function readDockerConfig<Kept>(
  json: string,
  keep: KeepCredentials<Kept>,
  name = '.dockerconfigjson',
): DockerEntries<Kept> | string {
  if (isEncodedConfig(json)) return `${name} is base64 of base64: encode it once`;
  const members = readMembers(parseConfig(json), name);
  if (typeof members === 'string') return members;
  const entries = new Map<string, Kept>();
  for (const [member, value] of members) {
    if (/^auths$/iu.test(member)) {
      // For Go `auths` and `Auths` are the same field: both count, unless the later one is null.
      if (value === null) entries.clear();
      const problem = addEntries(value, 'auths', keep, entries);
      if (problem !== undefined) return problem;
    } else if (/^httpheaders$/iu.test(member) && !isHeaders(value)) return 'HttpHeaders is not an object of strings';
  }
  return entries;
}

/** Whether a docker configuration is still base64, because it was encoded twice. */
export function isEncodedConfig(text: string): boolean {
  const encoded = text.replaceAll(/\s/g, '');
  return BASE64.test(encoded) && Buffer.from(encoded, 'base64').toString().trimStart().startsWith('{');
}

/**
 * Parses a `.dockercfg`, an older format: its content is that of `auths` in the newer one.
 *
 * @throws BeyondBoundError
 */
export function readDockercfg<Kept>(json: string, keep: KeepCredentials<Kept>): DockerEntries<Kept> | string {
  const entries = new Map<string, Kept>();
  return addEntries(parseConfig(json), '.dockercfg', keep, entries) ?? entries;
}

/**
 * The parts of a docker configuration that kubelet silently ignores: credentials that are left to a credential helper, and those
 * in the format of the other Secret type.
 *
 * @throws BeyondBoundError
 */
export function listUnused(json: string, form: 'newer' | 'older'): readonly UnusedContent[] {
  const config = parseConfig(json);
  if (!isRecord(config)) return [];
  const members = Object.entries(config);
  const auths = members.find(([name, value]) => /^auths$/i.test(name) && isRecord(value));
  if (form === 'older')
    return auths === undefined || hasLogin(auths[1]) ? [] : [{ what: 'newer-form', name: auths[0] }];
  const helpers = members.filter(([name, value]) =>
    /^credHelpers$/i.test(name)
      ? isRecord(value) && Object.keys(value).length > 0
      : /^credsStore$/i.test(name) && typeof value === 'string' && value !== '',
  );
  const old = auths === undefined ? members.find(([, value]) => hasLogin(value)) : undefined;
  return [
    ...helpers.map(([name]) => ({ what: 'helper', name }) as const),
    ...(old === undefined ? [] : [{ what: 'older-form', name: keepSafe(old[0]) } as const]),
  ];
}

/** Whether this is the entry of a registry. */
function hasLogin(value: unknown): boolean {
  return isRecord(value) && Object.entries(value).some(([name, text]) => typeof text === 'string' && LOGIN.test(name));
}

const LOGIN = /^(?:username|password|auth|identitytoken)$/i;

/** The part of an invalid key that may be stored and shown: its user name, query or fragment may be credentials. */
export function keepSafe(key: string): string {
  const address = key.replace(/[?#].*$/s, '').replace(/^(.*\/\/)?.*@/s, '$1');
  // Text after a ":" that is not a port may be a password.
  return address.replace(/:(?!\/\/|\d*(?:[\s/]|$)).*$/s, ':…').slice(0, LONGEST_KEPT_KEY);
}

/** Long enough to recognize a key. */
const LONGEST_KEPT_KEY = 100;

/** An object exceeds a limit, so it is not read; kubelet may still read it. The message says which limit, without a full stop. */
export class BeyondBoundError extends Error {
  override readonly name = 'BeyondBoundError';
}

/** Checked before a text is decoded; `bytes` is its largest possible size. @throws BeyondBoundError */
export function checkConfigSize(bytes: number): void {
  if (bytes > LONGEST_DOCKER_CONFIG)
    throw new BeyondBoundError(`its docker config is larger than ${LONGEST_DOCKER_CONFIG / 1024} KiB`);
}

function checkKeys(keys: readonly string[]): void {
  if (keys.length > MOST_CREDENTIAL_KEYS)
    throw new BeyondBoundError(`its docker config has credentials for more than ${MOST_CREDENTIAL_KEYS} registries`);
  if (keys.reduce((sum, { length }) => sum + length, 0) > LONGEST_CREDENTIAL_KEYS)
    throw new BeyondBoundError(
      `the registries in its docker config are longer than ${LONGEST_CREDENTIAL_KEYS / 1024} KiB`,
    );
}

function addEntries<Kept>(
  auths: unknown,
  place: string,
  keep: KeepCredentials<Kept>,
  entries: Map<string, Kept>,
): string | undefined {
  const members = readMembers(auths, place);
  if (typeof members === 'string') return members;
  checkKeys([...entries.keys(), ...members.map(([key]) => key)]);
  for (const [key, entry] of members) {
    const credentials = readEntry(entry, `${place}[${showKey(key)}]`);
    if (typeof credentials === 'string') return credentials;
    entries.set(key, keep(credentials, findUnreadToken(entry)));
  }
  return undefined;
}

/** A key for messages. A user name, query or fragment in it may be credentials. */
function showKey(key: string): string {
  return quote(parseCredentialKey(key)?.text ?? key.replace(/[?#].*$/s, ''));
}

const FIELDS = { username: /^username$/iu, password: /^password$/iu, email: /^email$/iu, auth: /^auth$/iu } as const;
const FIELD_NAMES = ['username', 'password', 'email', 'auth'] as const;

/** The credentials of an entry, or why kubelet cannot read it. */
function readEntry(entry: unknown, place: string): Credentials | string {
  const members = readMembers(entry, place);
  if (typeof members === 'string') return members;
  const fields = { username: '', password: '', email: '', auth: '' };
  for (const [name, value] of members) {
    const field = FIELD_NAMES.find((each) => FIELDS[each].test(name));
    if (field === undefined || value === null) continue;
    if (typeof value !== 'string') return `${place}.${field} is not a string`;
    fields[field] = value;
  }
  const { username, password } = fields;
  if (fields.auth === '') return { username, password };
  return decodeAuth(fields.auth) ?? `${place}.auth is not base64 of "user:password"`;
}

/** A token that docker reads and kubelet ignores (`dockerConfigEntryWithAuth`). */
function findUnreadToken(entry: unknown): UnreadToken | undefined {
  const tokens = Object.entries(isRecord(entry) ? entry : {}).filter(
    ([, token]) => typeof token === 'string' && token !== '',
  );
  if (tokens.some(([name]) => /^identitytoken$/i.test(name))) return 'identity-token';
  return tokens.some(([name]) => /^registrytoken$/i.test(name)) ? 'registry-token' : undefined;
}

/** The content of `auth`; undefined if it is not base64, with or without padding, or has no colon. */
function decodeAuth(auth: string): Credentials | undefined {
  const encoded = auth.replaceAll(/[\r\n]/g, '');
  const text = BASE64.test(encoded) ? Buffer.from(encoded, 'base64').toString() : '';
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

function isHeaders(value: unknown): boolean {
  return (
    value === null ||
    (isRecord(value) && Object.values(value).every((header) => header === null || typeof header === 'string'))
  );
}

/** The members of an object; none for null. Otherwise what is wrong with the value. */
function readMembers(value: unknown, place: string): readonly (readonly [name: string, value: unknown])[] | string {
  if (value === undefined) return `${place} is not JSON`;
  if (value === null) return [];
  return isRecord(value) ? Object.entries(value) : `${place} is not an object`;
}

/** Undefined for invalid JSON. */
function parseConfig(json: string): unknown {
  checkConfigSize(json.length);
  return parseJson(json);
}
