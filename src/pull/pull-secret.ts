import { isRecord, readPath, readString } from '../text/json.ts';
import { MAX_SUBDOMAIN } from '../text/kubernetes-name.ts';
import { memoize } from '../text/memoize.ts';
import { judgeCredentials, type JudgedCredentials } from './credential-flaws.ts';
import { parseCredentialKey } from './credential-key.ts';
import {
  BeyondBoundError,
  checkConfigSize,
  keepSafe,
  listUnused,
  readDockerConfig,
  readDockercfg,
  type DockerEntries,
  type KeepCredentials,
} from './docker-config.ts';
import type { CredentialEntry, PullSecret, UnusedContent } from './facts.ts';
import type { Credentials, Keyring, KeyringEntry } from './keyring.ts';
import { PULL_SECRET_TYPES } from './used-secrets.ts';

/**
 * What is known of a Secret, as kubelet would use it to pull images (`pkg/credentialprovider/secrets/secrets.go`). No
 * credential is in what is returned, nor in anything that is kept. What is no pull secret has no entries.
 *
 * @throws BeyondBoundError when it holds more than is read, so that nothing is known of it
 */
export function readPullSecret(object: unknown): PullSecret {
  const type = share(readString(object, 'type'));
  if (type.length > MAX_SUBDOMAIN) throw new BeyondBoundError(`its type is longer than ${MAX_SUBDOMAIN} characters`);
  const generatedBy = share(readString(object, 'metadata', 'labels', 'secret-generated-by'));
  const expiresAt = readExpiry(object);
  return {
    type,
    ...readContent(object),
    ...(generatedBy !== '' && { generatedBy }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

/** One string for all secrets that say the same. */
const share = memoize((text) => text);

type Content = Pick<PullSecret, 'entries' | 'malformed' | 'unused'>;

function readContent(object: unknown): Content {
  const config = readConfigText(object);
  return config === undefined
    ? { entries: [], ...toUnused(listOtherData(object)) }
    : judgeConfig(config, readLastWrite(object));
}

type ConfigText = Readonly<{ form: 'newer' | 'older'; text: string }>;

/** What kubelet makes of the text of a docker configuration, and what it makes nothing of. */
function judgeConfig(config: ConfigText, writtenAt?: number): Content {
  const { text, form } = config;
  const found = readEntries(config, (credentials, token) => judgeCredentials(credentials, token, writtenAt));
  if (typeof found === 'string') {
    const isNewer = form === 'older' && listUnused(text, form).length > 0;
    return { entries: [], malformed: isNewer ? `it is a config.json, but its type is ${DOCKERCFG}` : found };
  }
  const isGood = found.size > 0 && [...found.values()].every(({ hasCredentials }) => hasCredentials);
  const unused = isGood ? [] : listUnused(text, form);
  // To kubelet `auths` is a registry like any other, there.
  const entries = unused.some(({ what }) => what === 'newer-form')
    ? new Map([...found].filter(([key]) => !/^auths$/i.test(key)))
    : found;
  const dropped = [...found.keys()].filter((key) => parseCredentialKey(key) === undefined);
  const invalid = dropped.map((key) => ({ what: 'invalid-key', name: keepSafe(key) }) as const);
  return { entries: shareEntries(entries), ...toUnused([...invalid, ...unused]) };
}

function toUnused(unused: readonly UnusedContent[]): Pick<Content, 'unused'> {
  return unused.length === 0 ? {} : { unused: unused.slice(0, MOST_UNUSED) };
}

/** Kept and told is the first that has to do with an image. */
const MOST_UNUSED = 5;

/** What stands in a pull secret that has nothing under the key of its type. */
function listOtherData(object: unknown): readonly UnusedContent[] {
  if (!isPullSecretType(readString(object, 'type'))) return [];
  const data = readPath(object, 'data');
  const name = Object.keys(isRecord(data) ? data : {}).find((key) => readString(data, key) !== '');
  return name === undefined ? [] : [{ what: 'other-data', name: name.slice(0, MAX_SUBDOMAIN) }];
}

/** The text that a pull secret holds; undefined when it holds none, or when its type is not a pull secret's. Kubelet passes over both. */
function readConfigText(object: unknown): ConfigText | undefined {
  const type = readString(object, 'type');
  if (!isPullSecretType(type)) return undefined;
  const form = type === DOCKERCFG ? 'older' : 'newer';
  const encoded = readString(object, 'data', form === 'older' ? '.dockercfg' : '.dockerconfigjson');
  checkConfigSize((encoded.length / 4) * 3 - 2);
  const text = Buffer.from(encoded, 'base64').toString();
  return text === '' ? undefined : { form, text };
}

/** The entries in such a text, with what is kept of the credentials in each; or why kubelet cannot read it. */
function readEntries<Kept>({ form, text }: ConfigText, keep: KeepCredentials<Kept>): DockerEntries<Kept> | string {
  return form === 'older' ? readDockercfg(text, keep) : readDockerConfig(text, keep);
}

const [CONFIG_JSON, DOCKERCFG] = PULL_SECRET_TYPES;

function isPullSecretType(type: string): boolean {
  return type === CONFIG_JSON || type === DOCKERCFG;
}

/** One list for all secrets with the same entries: a cluster has the same `default-secret` in each of its namespaces. */
function shareEntries(found: DockerEntries<JudgedCredentials>): readonly CredentialEntry[] {
  const written = JSON.stringify([...found]);
  // What a key has besides a registry and a path may be a credential, and must not be kept.
  return /[@?#]/.test(written) ? toEntries(written) : toEntriesOnce(written);
}

const toEntriesOnce = memoize((written) => toEntries(written));

function toEntries(written: string): readonly CredentialEntry[] {
  return (JSON.parse(written) as readonly [text: string, judged: JudgedCredentials][]).flatMap(([text, judged]) => {
    const key = parseCredentialKey(text);
    return key === undefined ? [] : [{ key, ...judged }];
  });
}

/** The credentials in a Secret, to pull with; of one that kubelet cannot read, or that is beyond a bound, that they are not known. */
export function readKeyring(secret: unknown): Keyring {
  const found = withinBounds(() => {
    const config = readConfigText(secret);
    return config === undefined ? new Map<string, Credentials>() : readEntries(config, keepAll);
  });
  return typeof found === 'string'
    ? { entries: [], isComplete: false }
    : { entries: toKeyringEntries(found), isComplete: true };
}

function withinBounds<Value>(read: () => Value): Value | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof BeyondBoundError) return error.message;
    throw error;
  }
}

function keepAll(credentials: Credentials): Credentials {
  return credentials;
}

/** Kubelet hands on a password without a user name, but containerd and CRI-O then ask the registry anonymously. */
function toKeyringEntries(found: DockerEntries<Credentials>): readonly KeyringEntry[] {
  return [...found].flatMap(([text, credentials]) => {
    const key = parseCredentialKey(text);
    return key === undefined || credentials.username === '' ? [] : [{ key, credentials }];
  });
}

/** What the text of a `config.json` has to log in with, and what is wrong with that. */
export type DockerLogins = Readonly<{
  entries: readonly KeyringEntry[];
  judged: Pick<PullSecret, 'entries' | 'unused'>;
}>;

/**
 * The credentials in the text of a `config.json`, as docker and others write it.
 *
 * @returns why it cannot be read, to stand after its name: it holds nothing of the text but the key of an entry, and ends
 * without a full stop
 */
export function readDockerLogins(json: string): DockerLogins | string {
  const found = withinBounds(() => readDockerConfig(json, keepAll, 'it'));
  if (typeof found === 'string') return found;
  return { entries: toKeyringEntries(found), judged: judgeConfig({ form: 'newer', text: json }) };
}

/** When a Secret was last written, by the API server's own notes: later, at most, than its credentials were. */
function readLastWrite(object: unknown): number | undefined {
  const notes = readPath(object, 'metadata', 'managedFields');
  const times = (Array.isArray(notes) ? notes : []).flatMap((note) => readTime(readString(note, 'time')) ?? []);
  return times.length === 0 ? undefined : times.reduce((last, time) => Math.max(last, time));
}

/** Where CCE writes the end of the credentials; the older versions to the second. */
const EXPIRY_ANNOTATIONS = ['swr-auth-may-expires-at', 'temporary-ak-sk-expires-at'] as const;

function readExpiry(object: unknown): number | undefined {
  for (const annotation of EXPIRY_ANNOTATIONS) {
    const time = readTime(readString(object, 'metadata', 'annotations', annotation));
    if (time !== undefined) return time;
  }
  return undefined;
}

/** `2021-11-26 20:55:31.380909 +0000 UTC`, as Go prints a time, or RFC 3339. Undefined for anything else. */
function readTime(text: string): number | undefined {
  const [, date = '', time = '', utc, hours = '', minutes = ''] = TIME.exec(text) ?? [];
  const milliseconds = Date.parse(`${date}T${time}${utc ?? `${hours}:${minutes}`}`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** Date, time to the millisecond, and how far from UTC. */
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,3})?)\d* ?(?:(Z)|([+-]\d\d):?(\d\d))(?: |$)/;
