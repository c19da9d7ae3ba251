import { USER } from '../support/docker-registry.ts';
import { HARBOR, SWR, TOKENS, UNASKED } from './registries.ts';

const LOGIN = `${USER.username}:${USER.password}`;
const WRONG = `${USER.username}:wrong-password`;
const CONFIG_JSON = 'kubernetes.io/dockerconfigjson';
const LAST_YEAR = '2025-11-26 20:55:31.380909 +0000 UTC';

/** The registries that want a login. */
export type LoginHost = typeof SWR | typeof HARBOR | typeof TOKENS | typeof UNASKED;

/** Secrets as people have them, by what is right or wrong with each. `at` is a registry that wants a login. */
const KINDS = {
  right: (at) => docker(at, LOGIN),
  wrong: (at) => docker(at, WRONG),
  expired: (at) => ({ ...docker(at, WRONG), annotations: { 'swr-auth-may-expires-at': LAST_YEAR } }),
  opaque: (at) => ({ ...docker(at, LOGIN), type: 'Opaque' }),
  legacy: (at) => ({
    type: 'kubernetes.io/dockercfg',
    data: { '.dockercfg': encode(JSON.stringify({ [at]: { auth: encode(LOGIN) } })) },
  }),
  url: (at) => docker(`https://${at}/v1/`, LOGIN),
  wildcard: (at) => docker(at.replace(/^[^.]+/, '*'), LOGIN),
  path: (at) => docker(`${at}/team`, LOGIN),
  'other-path': (at) => docker(`${at}/tools`, LOGIN),
  port: (at) => docker(`${at}:443`, LOGIN),
  'other-registry': () => docker('quay.example.com', LOGIN),
  'line-break': (at) => docker(at, `${LOGIN}\n`),
  'two-fields': (at) => secretOf({ auths: { [at]: { username: USER.username, password: USER.password } } }),
  'no-password': (at) => secretOf({ auths: { [at]: { username: USER.username } } }),
  'identity-token': (at) => secretOf({ auths: { [at]: { username: USER.username, identitytoken: 'abc' } } }),
  empty: () => secretOf({ auths: {} }),
  helper: (at) => secretOf({ credHelpers: { [at]: 'ecr-login' } }),
  malformed: (at) => secretOf({ auths: { [at]: { auth: 'no base64!' } } }),
} satisfies Record<string, (at: LoginHost) => object>;

export type SecretKind = keyof typeof KINDS | 'missing';
export const SECRET_KINDS = [...(Object.keys(KINDS) as SecretKind[]), 'missing'] as const;

/** Whether kubelet can log in with it; what the generator weighs by, and nobody's verdict. */
export const GOOD_KINDS: readonly SecretKind[] = ['right', 'legacy', 'url', 'wildcard', 'path', 'two-fields'];

/** What is wrong with these nobody can see who does not ask the registry. */
const UNSEEN_KINDS: readonly SecretKind[] = ['wrong'];

/** `malformed` holds up a Pod until its time is over, so that it is not for the mix. */
export function listKinds(at: LoginHost, where: 'alone' | 'mixed'): readonly SecretKind[] {
  return SECRET_KINDS.filter(
    (kind) => !(at === UNASKED && UNSEEN_KINDS.includes(kind)) && !(where === 'mixed' && kind === 'malformed'),
  );
}

const SHORT: Readonly<Record<LoginHost, string>> = {
  [SWR]: 'swr',
  [HARBOR]: 'harbor',
  [TOKENS]: 'tokens',
  [UNASKED]: 'unasked',
};

/** CCE's own for its registry, as long as it is right. */
export function secretName(at: LoginHost, kind: SecretKind): string {
  return at === SWR && kind === 'right' ? 'default-secret' : `${SHORT[at]}-${kind}`;
}

export function makeSecrets(): readonly object[] {
  return ([SWR, HARBOR, TOKENS, UNASKED] as const).flatMap((at) =>
    Object.entries(KINDS).map(([kind, make]) => {
      const { annotations, ...content } = make(at) as { annotations?: object };
      const name = secretName(at, kind as SecretKind);
      return { apiVersion: 'v1', kind: 'Secret', metadata: { name, annotations }, ...content };
    }),
  );
}

/** Service accounts, and the pull secrets that each hands to Pods that name none. */
export const ACCOUNTS: Readonly<Record<string, readonly string[]>> = {
  default: [],
  plain: [],
  'with-harbor': [secretName(HARBOR, 'right')],
  'with-tokens': [secretName(TOKENS, 'right')],
  'with-swr': [secretName(SWR, 'right')],
  'with-wrong': [secretName(HARBOR, 'wrong')],
  'with-missing': ['harbor-missing'],
  'with-both': ['harbor-missing', secretName(HARBOR, 'right')],
};

function docker(at: string, login: string): { type: string; data: object } {
  return secretOf({ auths: { [at]: { auth: encode(login) } } });
}

function secretOf(config: object): { type: string; data: object } {
  return { type: CONFIG_JSON, data: { '.dockerconfigjson': encode(JSON.stringify(config)) } };
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
