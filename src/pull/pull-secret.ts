import { readString } from '../text/json.ts';
import { MAX_SUBDOMAIN } from '../text/kubernetes-name.ts';
import { memoize } from '../text/memoize.ts';
import { parseCredentialKey } from './credential-key.ts';
import {
  BeyondBoundError,
  checkConfigSize,
  readDockerConfig,
  readDockercfg,
  type DockerEntries,
  type KeepCredentials,
} from './docker-config.ts';
import type { CredentialEntry, PullSecret } from './facts.ts';
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

type Content = Pick<PullSecret, 'entries' | 'malformed'>;

function readContent(object: unknown): Content {
  // Kubelet hands on a password without a user name, but containerd and CRI-O then ask the registry as anybody.
  const found = readSecretEntries(object, ({ username }) => username !== '');
  return typeof found === 'string' ? { entries: [], malformed: found } : { entries: shareEntries(found) };
}

/**
 * The entries of a Secret, with what is kept of the credentials in each; or why kubelet cannot read it. Kubelet passes over a
 * pull secret that holds nothing, as it does over secrets of other types.
 */
function readSecretEntries<Kept>(object: unknown, keep: KeepCredentials<Kept>): DockerEntries<Kept> | string {
  const type = readString(object, 'type');
  const isOld = type === DOCKERCFG;
  if (!isOld && type !== CONFIG_JSON) return new Map();
  const encoded = readString(object, 'data', isOld ? '.dockercfg' : '.dockerconfigjson');
  checkConfigSize((encoded.length / 4) * 3 - 2);
  const text = Buffer.from(encoded, 'base64').toString();
  if (text === '') return new Map();
  return isOld ? readDockercfg(text, keep) : readDockerConfig(text, keep);
}

const [CONFIG_JSON, DOCKERCFG] = PULL_SECRET_TYPES;

/** One list for all secrets with the same entries: a cluster has the same `default-secret` in each of its namespaces. */
function shareEntries(found: DockerEntries<boolean>): readonly CredentialEntry[] {
  const written = JSON.stringify([...found]);
  // What a key has besides a registry and a path may be a credential, and must not be kept.
  return /[@?#]/.test(written) ? toEntries(written) : toEntriesOnce(written);
}

const toEntriesOnce = memoize((written) => toEntries(written));

function toEntries(written: string): readonly CredentialEntry[] {
  return (JSON.parse(written) as readonly [text: string, hasCredentials: boolean][]).flatMap(
    ([text, hasCredentials]) => {
      const key = parseCredentialKey(text);
      return key === undefined ? [] : [{ key, hasCredentials }];
    },
  );
}

/** The credentials in a Secret, to pull with; of one that kubelet cannot read, or that is beyond a bound, that they are not known. */
export function readKeyring(secret: unknown): Keyring {
  const found = withinBounds(() => readSecretEntries(secret, keepAll));
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

/** Kubelet hands on a password without a user name, but containerd and CRI-O then ask the registry as anybody. */
function toKeyringEntries(found: DockerEntries<Credentials>): readonly KeyringEntry[] {
  return [...found].flatMap(([text, credentials]) => {
    const key = parseCredentialKey(text);
    return key === undefined || credentials.username === '' ? [] : [{ key, credentials }];
  });
}

/**
 * The credentials in the text of a `config.json`, as docker and others write it.
 *
 * @returns why it cannot be read, to stand after its name: it holds nothing of the text but the key of an entry, and ends
 * without a full stop
 */
export function readDockerLogins(json: string): readonly KeyringEntry[] | string {
  const found = withinBounds(() => readDockerConfig(json, keepAll, 'it'));
  return typeof found === 'string' ? found : toKeyringEntries(found);
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
