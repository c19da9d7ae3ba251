import { parseCredentialKey } from '../../image/credential-key.ts';
import { quote } from '../../image/quote.ts';
import { isNull, readMembers, readText } from './read-members.ts';

/** The keys of a docker configuration as they are written, and whether there are credentials under each. */
export type DockerEntries = ReadonlyMap<string, boolean>;

/**
 * Reads the text of a `config.json` as kubelet does (`pkg/credentialprovider/config.go`), which leaves it to Go's
 * `encoding/json`: names of fields match in upper and lower case, null leaves a field as it was, and a value of the wrong
 * kind makes the whole text unreadable.
 *
 * @returns why kubelet cannot read it, where that is so; it holds nothing of the text but the key of an entry
 */
export function readDockerConfig(json: string): DockerEntries | string {
  const entries = new Map<string, boolean>();
  return readConfig(json, entries) ?? entries;
}

/** Reads the text of a `.dockercfg`, an older form: it holds what stands under `auths` in the newer one. */
export function readDockercfg(json: string): DockerEntries | string {
  const entries = new Map<string, boolean>();
  return (isJson(json) ? addEntries(json, '.dockercfg', entries) : '.dockercfg is not JSON') ?? entries;
}

function readConfig(json: string, entries: Map<string, boolean>): string | undefined {
  if (!isJson(json)) return '.dockerconfigjson is not JSON';
  const members = readMembers(json);
  if (members === undefined) return isNull(json) ? undefined : '.dockerconfigjson is not an object';
  for (const { name, json: value } of members) {
    const problem = /^auths$/iu.test(name)
      ? addEntries(value, 'auths', entries)
      : /^httpheaders$/iu.test(name) && !isHeaders(value)
        ? 'HttpHeaders is not an object of texts'
        : undefined;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** `auths` may stand twice, and both count, unless the second is null. A key may too: the last counts, all must be readable. */
function addEntries(json: string, place: string, entries: Map<string, boolean>): string | undefined {
  if (isNull(json)) entries.clear();
  const members = isNull(json) ? [] : readMembers(json);
  if (members === undefined) return `${place} is not an object`;
  for (const { name, json: value } of members) {
    const read = readEntry(value, `${place}[${showKey(name)}]`);
    if (typeof read === 'string') return read;
    entries.set(name, read);
  }
  return undefined;
}

/** What a key is for. A user name, query or fragment in it may be a credential. */
function showKey(key: string): string {
  return quote(parseCredentialKey(key)?.text ?? key.replace(/[?#].*$/s, ''));
}

const FIELDS = { username: /^username$/iu, password: /^password$/iu, email: /^email$/iu, auth: /^auth$/iu } as const;
const FIELD_NAMES = ['username', 'password', 'email', 'auth'] as const;

/** Whether an entry has credentials, or why kubelet cannot read it. */
function readEntry(json: string, place: string): boolean | string {
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
  // Kubelet hands on a password without a user name, but containerd and CRI-O then ask the registry as anybody.
  if (fields.auth === '') return fields.username !== '';
  return hasUsername(fields.auth) ?? `${place}.auth is not base64 of "user:password"`;
}

/** Whether a user name stands in `auth`; undefined when it is not base64, with or without padding, of a text with a colon. */
function hasUsername(auth: string): boolean | undefined {
  const text = auth.replaceAll(/[\r\n]/g, '');
  const colon = BASE64.test(text) ? Buffer.from(text, 'base64').indexOf(':') : -1;
  return colon < 0 ? undefined : colon > 0;
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
