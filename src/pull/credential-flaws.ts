import { isRecord, parseJson, readPath } from '../text/json.ts';
import type { Credentials } from './keyring.ts';

/** Tokens that docker stores next to or instead of a password. kubelet ignores both. */
export type UnreadToken = 'identity-token' | 'registry-token';

/** Why an entry has no usable credentials. */
type Lack = UnreadToken | 'empty' | 'no-user' | 'no-password';

/** A sign that credentials may be wrong. It leads to a warning and never a denial, as a password may be anything. */
type Doubt = 'user-line-break' | 'password-line-break' | 'space' | 'control' | 'shell' | 'placeholder' | 'no-key-file';

export type CredentialFlaw = Lack | Doubt;

/**
 * What is kept of an entry's credentials: whether there are any, and what is wrong with them. The credentials themselves are not.
 */
export type JudgedCredentials = Readonly<{
  /** Without a user name and password, container engines ask the registry anonymously. */
  hasCredentials: boolean;
  /** Why there are no credentials, or why they will probably be refused. */
  flaw?: CredentialFlaw;
  /** The expiry of a token that is used as the password, if it is known. Milliseconds since 1970. */
  tokenEndsAt?: number;
}>;

/** Each flaw as a clause for messages: `its password ends with a line break`. */
export const FLAW_WORDS: Readonly<Record<CredentialFlaw, string>> = {
  'identity-token': 'it has an identitytoken instead of a password, which kubelet ignores',
  'registry-token': 'it has a registrytoken instead of a password, which kubelet ignores',
  empty: 'it has no username and password',
  'no-user': 'it has no username',
  'no-password': 'it has no password',
  'user-line-break': 'its username contains a line break',
  'password-line-break': 'its password ends with a line break (use printf, or echo -n)',
  space: 'its username or password starts or ends with a space',
  control: 'its username or password contains control characters or line breaks',
  shell: 'its username or password includes quotes, or the -n of echo',
  placeholder: 'its username or password is a placeholder',
  'no-key-file': 'the password of _json_key is not a JSON key file',
};

const HOUR_MS = 3_600_000;

/**
 * User names whose password is a token, and its longest lifetime, for tokens that do not state it: of ECR, Google and ACR, and of
 * a GitLab job, which expires with the job.
 */
const LASTS_MS: ReadonlyMap<string, number> = new Map([
  ['AWS', 12 * HOUR_MS],
  ['oauth2accesstoken', 12 * HOUR_MS],
  ['00000000-0000-0000-0000-000000000000', 12 * HOUR_MS],
  ['gitlab-ci-token', 24 * HOUR_MS],
]);

/**
 * Checks the credentials of an entry. They are not kept.
 *
 * @param writtenAt when the Secret was last written, if known
 */
export function judgeCredentials(
  { username, password }: Credentials,
  token?: UnreadToken,
  writtenAt?: number,
): JudgedCredentials {
  const lack = findLack({ username, password }, token);
  if (lack !== undefined) return { hasCredentials: false, flaw: lack };
  const flaw = findDoubt({ username, password });
  const tokenEndsAt = findTokenEnd(password) ?? findLatestEnd(username, writtenAt);
  return {
    hasCredentials: true,
    ...(flaw !== undefined && { flaw }),
    ...(tokenEndsAt !== undefined && { tokenEndsAt }),
  };
}

/**
 * containerd needs a user name and a password. Otherwise it asks anonymously, or fails with "no basic auth credentials"
 * (`core/remotes/docker/authorizer.go`).
 */
function findLack({ username, password }: Credentials, token: UnreadToken | undefined): Lack | undefined {
  if (password === '') return token ?? (username === '' ? 'empty' : 'no-password');
  return username === '' ? 'no-user' : undefined;
}

/** Line breaks are normal in the key file of a Google service account, also at its end. */
function findDoubt({ username, password }: Credentials): Doubt | undefined {
  if (/[\r\n]/.test(username)) return 'user-line-break';
  if (username === '_json_key') return isRecord(parseJson(password)) ? undefined : 'no-key-file';
  if (username === '_json_key_base64') return undefined;
  // Trimmed, as a placeholder may have a line break too.
  if (isPlaceholder(username.trim()) || isPlaceholder(password.trim())) return 'placeholder';
  if (/[\r\n]$/.test(password)) return 'password-line-break';
  if (/[\0-\x1f\x7f]/.test(username + password)) return 'control';
  if (username !== username.trim() || password !== password.trim()) return 'space';
  return isShell({ username, password }) ? 'shell' : undefined;
}

/** `echo '"user:password"' | base64`, and `echo -n` in shells where echo has no such option. */
function isShell({ username, password }: Credentials): boolean {
  const first = username.charAt(0);
  return /^-[neE]+ /.test(username) || ((first === '"' || first === "'") && password.endsWith(first));
}

/**
 * Placeholders of documentation, templates and sample files; each pattern matches the whole user name or password. `$oauthtoken`,
 * `gitlab-ci-token` and `robot$team+name` are real user names.
 */
const PLACEHOLDERS: readonly RegExp[] = [
  // `<your-name>`, `{{ .Values.password }}`, `${PASSWORD}`, `$PASSWORD`, `$(cat password)`, `%PASSWORD%`, `@TOKEN@`, `__TOKEN__`.
  /^<[^<>]*>$/,
  /^\$?\{\{.*\}\}$/s,
  /^#?\$?\{[^{}"]*\}#?$/,
  /^\$\([^()]*\)$/,
  /^\$[A-Z][A-Z\d]*(?:_[A-Z\d]+)*$/,
  /^\$(?:\w*_)?(?:user(?:name)?|pass(?:word)?|token)$/,
  /^%[A-Z][A-Z_\d]*%$/,
  /^(@@?|__)[A-Z][A-Z_\d]*\1$/,
  /^\[\[?[\w -]*\]\]?$/,
  // What Go and JavaScript print for a missing value: `%!s(<nil>)`, `map[…]`, `undefined`.
  /^%![a-z]?\(/,
  /^map\[/,
  /^(?:null|nil|undefined|\[object Object\])$/,
  // `YOUR_PASSWORD`, `your-docker-hub-token`, `yourusername`.
  /^(?:put|insert|enter|add|paste|use|type)?[-_ .]?your[-_ .]?(?:[a-z\d]+[-_ .]?){0,6}$/i,
  /^(?:put|insert|enter|add|paste|type)[-_ ](?:[a-z\d]+[-_ ]){0,6}(?:here|user(?:name)?|pass(?:word)?|token|key|secret)$/i,
  // `DOCKER_PASSWORD`, `REGISTRY_TOKEN`, `docker-username`: the name of a value instead of the value.
  /^(?:[A-Z][A-Z\d]*_)*(?:USER|USERNAME|PASSWORD|PASSWD|TOKEN|SECRET)$/,
  /^(?:(?:docker|dockerhub|docker[-_]hub|registry|harbor)[-_])?(?:username|user-name|user_name|pword)$/i,
  /^(?:docker|dockerhub|docker[-_]hub|registry|harbor)[-_](?:password|token)$/i,
  // `changeme`, `CHANGE_ME`, `change-it`, `replace-me`, `replace_with_token`, `to-be-filled`, `TODO`.
  /^(?:please[-_ ]?)?(?:change|replace|fill|fix|edit)[-_ ]?(?:me|it|this|in|with(?:[-_ ]\w+)*)(?:[-_ ]?(?:please|now|later|\d|!+))?$/i,
  /^(?:todo|tbd|fixme|placeholder|dummy|redacted|removed|hidden|censored|not[-_ ]?set|to[-_ ]be[-_ ](?:filled|set|changed|replaced)(?:[-_ ]in)?)$/i,
  /^(?:\.{3,}|…|\*{3,}|x{3,}(?:[-_ ]x+)*|-{3,}|_{3,}|\?{2,})$/i,
  // From the documentation of AWS.
  /^[A-Za-z\d+/]{8,}EXAMPLE(?:KEY|TOKEN)?$/,
];

/** Longer texts are tokens. */
const LONGEST_PLACEHOLDER = 128;

function isPlaceholder(text: string): boolean {
  return text.length <= LONGEST_PLACEHOLDER && PLACEHOLDERS.some((pattern) => pattern.test(text));
}

/** The expiry of a token: those of ACR, GitLab and others are JWTs, those of ECR a JSON object in base64. */
function findTokenEnd(password: string): number | undefined {
  const seconds = readPath(decodeObject(JWT.exec(password)?.[1] ?? ''), 'exp') ?? findEcrEnd(password);
  return typeof seconds === 'number' && seconds > 0 && seconds < 1e11 ? seconds * 1000 : undefined;
}

function findLatestEnd(username: string, writtenAt: number | undefined): number | undefined {
  const lasts = LASTS_MS.get(username);
  return lasts === undefined || writtenAt === undefined ? undefined : writtenAt + lasts;
}

function findEcrEnd(password: string): unknown {
  if (!password.startsWith('eyJ') || password.includes('.')) return undefined;
  const token = decodeObject(password);
  // Other objects may have a field of this name with another meaning.
  return readPath(token, 'datakey') === undefined ? undefined : readPath(token, 'expiration');
}

const JWT = /^eyJ[\w-]*\.(eyJ[\w-]*)\.[\w-]*$/;

function decodeObject(base64: string): unknown {
  return base64 === '' ? undefined : parseJson(Buffer.from(base64, 'base64').toString());
}
