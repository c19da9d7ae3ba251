import fc from 'fast-check';
import { expect } from 'vitest';
import type { KubernetesObject } from '../../src/cluster/connection/api-server.ts';
import { BeyondBoundError } from '../../src/pull/docker-config.ts';
import { readPullSecret } from '../../src/pull/pull-secret.ts';
import { MOST_CREDENTIAL_KEYS } from '../../src/text/bounds.ts';
import { changed, edited, oddValue } from './edited.ts';
import { holds } from './holds.ts';

const CONFIG_JSON = 'kubernetes.io/dockerconfigjson';
const DOCKERCFG = 'kubernetes.io/dockercfg';
// In no host, key or message by accident, not even where base64 is cut.
const SECRET = 'Zq8sXy3Wv7Kp2Lm9';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const entry = { username: `u${SECRET}`, password: SECRET, email: `${SECRET}@example.com`, auth: base64(`u:${SECRET}`) };
const entries = {
  'registry.example.com': entry,
  'https://index.docker.io/v1/': { auth: base64(`${SECRET}:${SECRET}`) },
  [`https://u:${SECRET}@other.example.com:5000/team?token=${SECRET}`]: entry,
  '*.example.org': { username: SECRET, password: null },
};
const CONFIGS = [{ auths: entries, HttpHeaders: { Authorization: SECRET } }, { Auths: entries, auths: {} }, entries];

const value = fc.oneof(oddValue, fc.constantFrom<unknown>(SECRET, [SECRET], { auth: SECRET }, base64(SECRET), entry));
const tokens = ['{', '}', '[', ']', '"', ':', ',', 'null', '\\', '"auths":', '"auth":', '"a":1,', ' ', '\u0000', 'é'];
const type = fc.constantFrom(CONFIG_JSON, DOCKERCFG);

/** What is known of a Secret with a text; undefined where it is beyond a bound. */
function read(type: string, text: string): ReturnType<typeof readPullSecret> | undefined {
  try {
    return readPullSecret({ type, data: { '.dockerconfigjson': base64(text), '.dockercfg': base64(text) } });
  } catch (error) {
    if (error instanceof BeyondBoundError) return undefined;
    throw error;
  }
}

holds(
  'nothing of a credential is in what is known of a docker config, whatever stands where',
  fc.property(type, changed(fc.constantFrom<unknown>(...CONFIGS), value), (type, config) => {
    const found = JSON.stringify(read(type, JSON.stringify(config)) ?? {});
    expect(found).not.toContain(SECRET);
    expect(found).not.toContain(base64(SECRET).slice(0, 18));
  }),
  300,
);

holds(
  'any text is entries, at most as many as are read, or a reason why kubelet cannot read it',
  fc.property(
    type,
    edited(fc.constantFrom(...CONFIGS.map((each) => JSON.stringify(each))), { tokens, span: 40, most: 4 }),
    (type, text) => {
      const { entries, malformed = 'none' } = read(type, text) ?? { entries: [] };
      expect(entries.length).toBeLessThanOrEqual(MOST_CREDENTIAL_KEYS);
      expect(malformed).not.toBe('');
    },
  ),
  300,
);

holds(
  'no object takes the watch down',
  fc.property(
    fc.jsonValue(),
    fc.record({ type, metadata: fc.jsonValue(), data: fc.jsonValue() }),
    fc.string({ unit: 'binary' }),
    (object, parts, text) => {
      const odd = { object } as KubernetesObject;
      const data = { '.dockerconfigjson': base64(text), '.dockercfg': text };
      for (const each of [odd, parts, { ...parts, data }]) expect(readPullSecret(each).entries).toBeInstanceOf(Array);
    },
  ),
);
