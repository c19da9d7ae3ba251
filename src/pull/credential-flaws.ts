import { isRecord, readPath } from '../text/json.ts';
import type { Credentials } from './keyring.ts';

/** Tokens that docker keeps beside or in the place of a password. Kubelet reads neither. */
export type UnreadToken = 'identity-token' | 'registry-token';

/** Why an entry is no login at all. */
type Lack = UnreadToken | 'empty' | 'no-user' | 'no-password';

/** What an entry shows that makes a login likely to fail: a warning and never a denial, as a password may be anything. */
type Doubt = 'user-line-break' | 'password-line-break' | 'space' | 'control' | 'shell' | 'placeholder' | 'no-key-file';

export type CredentialFlaw = Lack | Doubt;

/** What is kept of the credentials in an entry: that they are there, and what is wrong with them. Nothing of them. */
export type JudgedCredentials = Readonly<{
  /** Without a user name and password container engines ask the registry anonymously. */
  hasCredentials: boolean;
  flaw?: CredentialFlaw;
  /** When a token that is the password ends, if it says so. Milliseconds since 1970. */
  tokenEndsAt?: number;
}>;

/** What each is in words, to follow on what is wrong: `its password ends with a line break`. */
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
 * User names whose password is a token that lasts so long at most, whether or not it says so: of ECR, Google, ACR, and of a job of
 * GitLab, which ends with the job.
 */
const LASTS_MS: ReadonlyMap<string, number> = new Map([
  ['AWS', 12 * HOUR_MS],
  ['oauth2accesstoken', 12 * HOUR_MS],
  ['00000000-0000-0000-0000-000000000000', 12 * HOUR_MS],
  ['gitlab-ci-token', 24 * HOUR_MS],
]);

/**
 * Checks the credentials of an entry, which are not kept afterwards.
 *
 * @param writtenAt when the object that holds them was last written; undefined when it does not say
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
 * containerd logs in with a user name and a password, or else asks anonymously, or gives up (`core/remotes/docker/authorizer.go`,
 * "no basic auth credentials").
 */
function findLack({ username, password }: Credentials, token: UnreadToken | undefined): Lack | undefined {
  if (password === '') return token ?? (username === '' ? 'empty' : 'no-password');
  return username === '' ? 'no-user' : undefined;
}

/** Line breaks belong into the key file of a service account of Google, and do no harm at its end. */
function findDoubt({ username, password }: Credentials): Doubt | undefined {
  if (/[\r\n]/.test(username)) return 'user-line-break';
  if (username === '_json_key') return isKeyFile(password) ? undefined : 'no-key-file';
  if (username === '_json_key_base64') return undefined;
  // Without the line break a placeholder is one still.
  if (isPlaceholder(username.trim()) || isPlaceholder(password.trim())) return 'placeholder';
  if (/[\r\n]$/.test(password)) return 'password-line-break';
  if (/[\0-\x1f\x7f]/.test(username + password)) return 'control';
  if (username !== username.trim() || password !== password.trim()) return 'space';
  return isShell({ username, password }) ? 'shell' : undefined;
}

/** `echo '"user:password"' | base64`, and `echo -n` where that is no option of echo. */
function isShell({ username, password }: Credentials): boolean {
  const first = username.charAt(0);
  return /^-[neE]+ /.test(username) || ((first === '"' || first === "'") && password.endsWith(first));
}

function isKeyFile(password: string): boolean {
  return isRecord(parseJson(password));
}

/**
 * What documentation, templates and sample files have where a user name or password belongs, the whole of it. `$oauthtoken`,
 * `gitlab-ci-token` and `robot$team+name` are real user names.
 */
const PLACEHOLDERS: readonly RegExp[] = [
  // `<your-name>`, `<no value>`, `{{ .Values.password }}`, `${PASSWORD}`, `$PASSWORD`, `$(cat password)`, `%PASSWORD%`, `@TOKEN@`, `__TOKEN__`.
  /^<[^<>]*>$/,
  /^\$?\{\{.*\}\}$/s,
  /^#?\$?\{[^{}"]*\}#?$/,
  /^\$\([^()]*\)$/,
  /^\$[A-Z][A-Z\d]*(?:_[A-Z\d]+)*$/,
  /^\$(?:\w*_)?(?:user(?:name)?|pass(?:word)?|token)$/,
  /^%[A-Z][A-Z_\d]*%$/,
  /^(@@?|__)[A-Z][A-Z_\d]*\1$/,
  /^\[\[?[\w -]*\]\]?$/,
  // What Go and JavaScript print where nothing is: `%!s(<nil>)`, `map[…]`, `undefined`.
  /^%![a-z]?\(/,
  /^map\[/,
  /^(?:null|nil|undefined|\[object Object\])$/,
  // `YOUR_PASSWORD`, `your-docker-hub-token`, `yourusername`.
  /^(?:put|insert|enter|add|paste|use|type)?[-_ .]?your[-_ .]?(?:[a-z\d]+[-_ .]?){0,6}$/i,
  /^(?:put|insert|enter|add|paste|type)[-_ ](?:[a-z\d]+[-_ ]){0,6}(?:here|user(?:name)?|pass(?:word)?|token|key|secret)$/i,
  // `DOCKER_PASSWORD`, `REGISTRY_TOKEN`, `docker-username`: the name of the value in its place.
  /^(?:[A-Z][A-Z\d]*_)*(?:USER|USERNAME|PASSWORD|PASSWD|TOKEN|SECRET)$/,
  /^(?:(?:docker|dockerhub|docker[-_]hub|registry|harbor)[-_])?(?:username|user-name|user_name|pword)$/i,
  /^(?:docker|dockerhub|docker[-_]hub|registry|harbor)[-_](?:password|token)$/i,
  // `changeme`, `CHANGE_ME`, `change-it`, `replace-me`, `replace_with_token`, `to-be-filled`, `TODO`.
  /^(?:please[-_ ]?)?(?:change|replace|fill|fix|edit)[-_ ]?(?:me|it|this|in|with(?:[-_ ]\w+)*)(?:[-_ ]?(?:please|now|later|\d|!+))?$/i,
  /^(?:todo|tbd|fixme|placeholder|dummy|redacted|removed|hidden|censored|not[-_ ]?set|to[-_ ]be[-_ ](?:filled|set|changed|replaced)(?:[-_ ]in)?)$/i,
  /^(?:\.{3,}|…|\*{3,}|x{3,}(?:[-_ ]x+)*|-{3,}|_{3,}|\?{2,})$/i,
  // Of the documentation of AWS.
  /^[A-Za-z\d+/]{8,}EXAMPLE(?:KEY|TOKEN)?$/,
];

/** Longer ones are tokens. */
const LONGEST_PLACEHOLDER = 128;

function isPlaceholder(text: string): boolean {
  return text.length <= LONGEST_PLACEHOLDER && PLACEHOLDERS.some((pattern) => pattern.test(text));
}

/** A token of ACR, GitLab and others is a JWT, and one of ECR an object in base64: both say until when they are good. */
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
  // Other objects may well have a member of this name that means something else.
  return readPath(token, 'datakey') === undefined ? undefined : readPath(token, 'expiration');
}

const JWT = /^eyJ[\w-]*\.(eyJ[\w-]*)\.[\w-]*$/;

function decodeObject(base64: string): unknown {
  return base64 === '' ? undefined : parseJson(Buffer.from(base64, 'base64').toString());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
