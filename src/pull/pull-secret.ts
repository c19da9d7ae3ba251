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
 * A Secret as kubelet uses it to pull images (`pkg/credentialprovider/secrets/secrets.go`), without its credentials; they are not
 * kept anywhere. A Secret that is not a pull secret has no entries.
 *
 * @throws BeyondBoundError when it exceeds a limit, so that nothing is known of it
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

/** Equal texts of all Secrets share one string. */
const share = memoize((text) => text);

type Content = Pick<PullSecret, 'entries' | 'malformed' | 'unused'>;

function readContent(object: unknown): Content {
  if (isPlainConfig(object)) return { entries: [], malformed: 'data is not base64: write it under stringData' };
  const config = readConfigText(object);
  return config === undefined
    ? { entries: [], ...toUnused(listOtherData(object)) }
    : judgeConfig(config, readLastWrite(object));
}

/** JSON under `data` in a manifest, which the API server refuses (illegal base64 data). */
function isPlainConfig(object: unknown): boolean {
  return PULL_SECRET_KEYS.some((key) => readString(object, 'data', key).trimStart().startsWith('{'));
}

type ConfigText = Readonly<{ form: 'newer' | 'older'; text: string }>;

/** The entries that kubelet reads in a docker configuration, and the content that it ignores. */
function judgeConfig(config: ConfigText, writtenAt?: number): Content {
  const { text, form } = config;
  const found = readEntries(config, (credentials, token) => judgeCredentials(credentials, token, writtenAt));
  if (typeof found === 'string') {
    const isNewer = form === 'older' && listUnused(text, form).length > 0;
    return { entries: [], malformed: isNewer ? `it is a config.json, but its type is ${DOCKERCFG}` : found };
  }
  const isGood = found.size > 0 && [...found.values()].every(({ hasCredentials }) => hasCredentials);
  const unused = isGood ? [] : listUnused(text, form);
  // kubelet reads `auths` in this format as the name of a registry.
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

/** Only the first one is reported; a few are kept. */
const MOST_UNUSED = 5;

/** Data of a pull secret under a key that its type does not use. */
function listOtherData(object: unknown): readonly UnusedContent[] {
  if (!isPullSecretType(readString(object, 'type'))) return [];
  const data = readPath(object, 'data');
  const name = Object.keys(isRecord(data) ? data : {}).find((key) => readString(data, key) !== '');
  return name === undefined ? [] : [{ what: 'other-data', name: name.slice(0, MAX_SUBDOMAIN) }];
}

/** The docker configuration of a pull secret; undefined if it has none, or if it has another type. kubelet ignores both. */
function readConfigText(object: unknown): ConfigText | undefined {
  const type = readString(object, 'type');
  if (!isPullSecretType(type)) return undefined;
  const form = type === DOCKERCFG ? 'older' : 'newer';
  const encoded = readString(object, 'data', form === 'older' ? '.dockercfg' : '.dockerconfigjson');
  checkConfigSize((encoded.length / 4) * 3 - 2);
  const text = Buffer.from(encoded, 'base64').toString();
  return text === '' ? undefined : { form, text };
}

/** The entries in a docker configuration, with the kept part of their credentials, or why kubelet cannot read it. */
function readEntries<Kept>({ form, text }: ConfigText, keep: KeepCredentials<Kept>): DockerEntries<Kept> | string {
  return form === 'older' ? readDockercfg(text, keep) : readDockerConfig(text, keep);
}

const PULL_SECRET_KEYS = ['.dockerconfigjson', '.dockercfg'] as const;

const [CONFIG_JSON, DOCKERCFG] = PULL_SECRET_TYPES;

function isPullSecretType(type: string): boolean {
  return type === CONFIG_JSON || type === DOCKERCFG;
}

/** Secrets with equal entries share one list: a cluster has the same `default-secret` in every namespace. */
function shareEntries(found: DockerEntries<JudgedCredentials>): readonly CredentialEntry[] {
  const written = JSON.stringify([...found]);
  // A key with more than host and path may contain credentials, and must not be cached.
  return /[@?#]/.test(written) ? toEntries(written) : toEntriesOnce(written);
}

const toEntriesOnce = memoize((written) => toEntries(written));

function toEntries(written: string): readonly CredentialEntry[] {
  return (JSON.parse(written) as readonly [text: string, judged: JudgedCredentials][]).flatMap(([text, judged]) => {
    const key = parseCredentialKey(text);
    return key === undefined ? [] : [{ key, ...judged }];
  });
}

/** The credentials in a Secret. Incomplete if kubelet cannot read it, or if it exceeds a limit. */
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

/** kubelet passes on a password without a user name, but containerd and CRI-O then ask the registry anonymously. */
function toKeyringEntries(found: DockerEntries<Credentials>): readonly KeyringEntry[] {
  return [...found].flatMap(([text, credentials]) => {
    const key = parseCredentialKey(text);
    return key === undefined || credentials.username === '' ? [] : [{ key, credentials }];
  });
}

/** The credentials in a `config.json`, and what is wrong with them. */
export type DockerLogins = Readonly<{
  entries: readonly KeyringEntry[];
  judged: Pick<PullSecret, 'entries' | 'unused'>;
}>;

/**
 * The credentials in a `config.json`, as docker and other tools write it.
 *
 * @returns why it cannot be read, as the end of a sentence after its name, without a full stop; of the text itself it contains
 * only the key of an entry
 */
export function readDockerLogins(json: string): DockerLogins | string {
  const found = withinBounds(() => readDockerConfig(json, keepAll, 'it'));
  if (typeof found === 'string') return found;
  return { entries: toKeyringEntries(found), judged: judgeConfig({ form: 'newer', text: json }) };
}

/** When a Secret was last written, by `managedFields`; its credentials may be older. */
function readLastWrite(object: unknown): number | undefined {
  const notes = readPath(object, 'metadata', 'managedFields');
  const times = (Array.isArray(notes) ? notes : []).flatMap((note) => readTime(readString(note, 'time')) ?? []);
  return times.length === 0 ? undefined : times.reduce((last, time) => Math.max(last, time));
}

/** Annotations in which CCE stores the expiry of the credentials, also those of older versions. */
const EXPIRY_ANNOTATIONS = ['swr-auth-may-expires-at', 'temporary-ak-sk-expires-at'] as const;

function readExpiry(object: unknown): number | undefined {
  for (const annotation of EXPIRY_ANNOTATIONS) {
    const time = readTime(readString(object, 'metadata', 'annotations', annotation));
    if (time !== undefined) return time;
  }
  return undefined;
}

/** `2021-11-26 20:55:31.380909 +0000 UTC`, as Go prints a time, or RFC 3339. Undefined for other texts. */
function readTime(text: string): number | undefined {
  const [, date = '', time = '', utc, hours = '', minutes = ''] = TIME.exec(text) ?? [];
  const milliseconds = Date.parse(`${date}T${time}${utc ?? `${hours}:${minutes}`}`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** Date, time up to milliseconds, and offset from UTC. */
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,3})?)\d* ?(?:(Z)|([+-]\d\d):?(\d\d))(?: |$)/;
