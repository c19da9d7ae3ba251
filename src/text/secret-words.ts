/** Names of passwords and tokens, also at the end of a longer name: `DB_PASSWORD`, `registryToken`, `auth-key`. */
const NAME =
  '(?:pass(?:word|wd|phrase|code|wort)?|kennwort|pwd|pw|token|secret|cred(?:ential)?s?|auth(?:orization)?|bearer|basic|key' +
  '|login|sig(?:nature)?|jwt|sas|cookie|session|密码|口令|密钥|令牌)(?:[-_]?(?:id|key|value|data|base64|b64|hash|string|text))?';

/** A version is not a secret: `nginx token:1.25`. */
const NO_VERSION = '(?!v?\\d+\\.\\d[\\w.+-]*(?:\\s|$))';

/** `password=…`, `"auth": "…"`, `<password>…`, `:password=>`. */
const NAME_AND_SIGN = new RegExp(
  `${NAME}["'\`\\]\\s]*(?:[=>]|:(?=[=>\\s"'\`]))[=>:"'\`\\s]*${NO_VERSION}[^\\s=>:"'\`]`,
  'i',
);

/** `password:…` within other text; after a "/" it is the last part of an image with a tag. */
const NAME_AND_COLON = new RegExp(`(?<!/[\\w.-]{0,64})${NAME}:${NO_VERSION}[^\\s:]`, 'i');

/** `password …`, `Bearer …`. */
const NAME_AND_SPACE = new RegExp(`(?<![\\p{L}\\d/.-])${NAME}\\s+${NO_VERSION}[^\\s#}\\])>|%]`, 'iu');

/** Characters that no image contains. */
const MORE_THAN_ADDRESS = /[^\w.:/@+-]/;

const LONE_PASSWORD = /^[\s"'`]{0,8}(?:password|passwd|passphrase|pwd):/i;
const LONE_IMAGE = /^[\s"'`]*[a-z]+:[\w.-]*[\s"'`]*$/;

/** `Password:…` and `password:…:…`; `password:1` is a valid image. */
export function isLonePassword(text: string): boolean {
  return LONE_PASSWORD.test(text) && !LONE_IMAGE.test(text);
}

/** Shell variables. */
const VARIABLE = /\$(?:[A-Z_][A-Z\d_]*|\d)(?!\w)|%[A-Z_][A-Z\d_]*%/g;

/** Whether a text without placeholders has a value after the name of a secret. */
export function introducesSecret(text: string): boolean {
  if (!/[:=>\s]/.test(text)) return false;
  const inner = text.replaceAll(VARIABLE, '').replaceAll(/^[\s"'`]+|[\s"'`]{1,8}$/g, '');
  return (
    isLonePassword(inner) ||
    NAME_AND_SIGN.test(inner) ||
    NAME_AND_SPACE.test(inner) ||
    (MORE_THAN_ADDRESS.test(inner) && NAME_AND_COLON.test(inner))
  );
}

const SECRET_NAME = new RegExp(NAME, 'i');

/** Whether a placeholder contains the value of a secret itself: `${PASSWORD:-…}`, `{{ .Values.password | default "…" }}`. */
export function holdsSecret(placeholder: string): boolean {
  const isTemplate = placeholder.startsWith('{') && /["'`]/.test(placeholder);
  return introducesSecret(placeholder) || (isTemplate && SECRET_NAME.test(placeholder));
}

/** A login command, or a part of one: the password may be anywhere, as in `echo … | docker login -u u --password-stdin`. */
export const COMMAND =
  /(?:^|\s)(?:docker|podman|nerdctl|helm|oras|crane|skopeo|buildah)\s.{0,80}\blogin\b|--password-stdin|<<<|(?:^|[\s("'`$])(?:echo|printf)\s|(?:^|\s)--?(?:p(?!\s*\d+(?::\d+)?(?:\s|$))|u(?:ser(?:name)?)?|(?:\w+-)?creds?|auth|pass(?:word|wd)?|token)(?:[\s=]+|(?<=\s-[pu]))["']?[^\s-]/i;

/** Tokens with a known prefix, also in lower case: of GitHub, GitLab, Docker Hub, Slack and npm. */
const TOKEN_STARTS =
  'gh[pousr]_|github_pat_|gl(?:pat|dt|rt|ptt|cbt|oas|soat|ft|imt|agent)-|dckr_(?:pat|oat)_|xox[a-z]-|npm_|hvs\\.|dop_v1_|sk_live_';
export const LOWER_TOKEN = new RegExp(`(?<![a-z\\d])(?:${TOKEN_STARTS})[\\w-]{8}`);

/** The same, with keys of AWS and Google, and base64 that starts with `{"`: a JWT, a docker config. */
const TOKEN = new RegExp(
  `(?<![A-Za-z\\d])(?:${TOKEN_STARTS}|(?:AKIA|ASIA)(?=[A-Z\\d]{8})|AIza|ya29\\.|AQoD|eyJ)[\\w-]{8}`,
);

const BASE64 = /[A-Za-z\d+/]{8,}={0,2}/g;

/** The index of a secret that is recognized by its form: a token, or base64 of `user:password`; -1 if there is none. */
export function findToken(text: string): number {
  const token = text.search(TOKEN);
  if (token >= 0) return token;
  for (const { 0: run, index } of text.matchAll(BASE64)) {
    // A run in one case is a word, a number or a digest.
    if (!/[a-z]/.test(run) || !/[A-Z]/.test(run)) continue;
    for (let from = 0; from >= 0; from = run.indexOf('/', from) + 1 || -1) {
      // A slash may be part of the base64, or of the image around it.
      const rest = run.slice(from);
      if (isCredentials(rest) || isCredentials(rest.split('/', 1)[0] ?? '')) return index + from;
    }
  }
  return -1;
}

function isCredentials(base64: string): boolean {
  if (base64.length < 8) return false;
  return /^[ -9;-~]+:[ -~]+$/.test(Buffer.from(base64, 'base64').toString('latin1'));
}
