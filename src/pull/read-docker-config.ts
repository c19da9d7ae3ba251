import type { Credentials } from './keyring.ts';
import { parseCredentialKey } from './credential-key.ts';
import { quote } from '../text/quote.ts';
import { isNull, readMembers, readText } from './read-members.ts';

/** The keys of a docker configuration as they are written, and what is kept of the credentials under each. */
export type DockerEntries<Kept> = ReadonlyMap<string, Kept>;

/** What is kept of credentials. Where there are none, it is given an empty user name. */
export type KeepCredentials<Kept> = (credentials: Credentials) => Kept;

/**
 * Reads the text of a `config.json` as kubelet does (`pkg/credentialprovider/config.go`), which leaves it to Go's
 * `encoding/json`: names of fields match in upper and lower case, null leaves a field as it was, and a value of the wrong
 * kind makes the whole text unreadable.
 *
 * @param name how to call the text in messages.
 * @returns why kubelet cannot read it, where that is so; it holds nothing of the text but the key of an entry
 */
export function readDockerConfig<Kept>(
  json: string,
  keep: KeepCredentials<Kept>,
  name = '.dockerconfigjson',
): DockerEntries<Kept> | string {
  const found: Found<Kept> = { entries: new Map(), keep };
  return readConfig(json, name, found) ?? found.entries;
}

/** Reads the text of a `.dockercfg`, an older form: it holds what stands under `auths` in the newer one. */
export function readDockercfg<Kept>(json: string, keep: KeepCredentials<Kept>): DockerEntries<Kept> | string {
  const found: Found<Kept> = { entries: new Map(), keep };
  return (isJson(json) ? addEntries(json, '.dockercfg', found) : '.dockercfg is not JSON') ?? found.entries;
}

type Found<Kept> = Readonly<{ entries: Map<string, Kept>; keep: KeepCredentials<Kept> }>;

function readConfig<Kept>(json: string, place: string, found: Found<Kept>): string | undefined {
  if (!isJson(json)) return `${place} is not JSON`;
  const members = readMembers(json);
  if (members === undefined) return isNull(json) ? undefined : `${place} is not an object`;
  for (const { name, json: value } of members) {
    const problem = /^auths$/iu.test(name)
      ? addEntries(value, 'auths', found)
      : /^httpheaders$/iu.test(name) && !isHeaders(value)
        ? 'HttpHeaders is not an object of texts'
        : undefined;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** `auths` may stand twice, and both count, unless the second is null. A key may too: the last counts, all must be readable. */
function addEntries<Kept>(json: string, place: string, { entries, keep }: Found<Kept>): string | undefined {
  if (isNull(json)) entries.clear();
  const members = isNull(json) ? [] : readMembers(json);
  if (members === undefined) return `${place} is not an object`;
  for (const { name, json: value } of members) {
    const read = readEntry(value, `${place}[${showKey(name)}]`);
    if (typeof read === 'string') return read;
    entries.set(name, keep(read));
  }
  return undefined;
}

/** What a key is for. A user name, query or fragment in it may be a credential. */
function showKey(key: string): string {
  return quote(parseCredentialKey(key)?.text ?? key.replace(/[?#].*$/s, ''));
}

const FIELDS = { username: /^username$/iu, password: /^password$/iu, email: /^email$/iu, auth: /^auth$/iu } as const;
const FIELD_NAMES = ['username', 'password', 'email', 'auth'] as const;

/** The credentials of an entry, or why kubelet cannot read it. */
function readEntry(json: string, place: string): Credentials | string {
  const members = isNull(json) ? [] : readMembers(json);
  if (members === undefined) return `${place} is not an object`;
  const fields = { username: '', password: '', email: '', auth: '' };
  for (const { name, json: value } of members) {
    const field = FIELD_NAMES.find((each) => FIELDS[each].test(name));
    if (field === undefined || isNull(value)) continue;
    const text = readText(value);
    if (text === undefined) return `${place}.${field} is not text`;
    fields[field] = text;
  }
  const { username, password } = fields;
  if (fields.auth === '') return { username, password };
  return decodeAuth(fields.auth) ?? `${place}.auth is not base64 of "user:password"`;
}

/** What stands in `auth`; undefined when it is not base64, with or without padding, of a text with a colon. */
function decodeAuth(auth: string): Credentials | undefined {
  const encoded = auth.replaceAll(/[\r\n]/g, '');
  const text = BASE64.test(encoded) ? Buffer.from(encoded, 'base64').toString() : '';
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

function isHeaders(json: string): boolean {
  return (
    isNull(json) ||
    readMembers(json)?.every(({ json: value }) => isNull(value) || readText(value) !== undefined) === true
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
