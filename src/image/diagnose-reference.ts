import { diagnoseName } from './diagnose-name.ts';
import { diagnoseVersion } from './diagnose-version.ts';
import { splitReference } from './grammar.ts';
import { isFilePath, isGitRepository } from './other-address.ts';
import { findMisprint, findPlaceholder, hasHiddenPlaceholder, isPrintedObject } from './placeholder.ts';
import { quote } from '../text/quote.ts';
import { suggestReference } from './suggest-reference.ts';
import { findUserinfo, redactUserinfo, schemeOf } from '../text/redact.ts';

/** Why an address cannot be parsed. The list is closed; `malformed` is what none of the others describes better. */
export const REFERENCE_PROBLEM_CODES = [
  'empty',
  'placeholder',
  'userinfo',
  'scheme',
  'whitespace',
  'control-character',
  'non-ascii',
  'bad-port',
  'bad-host',
  'uppercase',
  'too-long',
  'two-tags',
  'empty-tag',
  'bad-tag',
  'bad-digest',
  'malformed',
] as const;

export type ReferenceProblemCode = (typeof REFERENCE_PROBLEM_CODES)[number];

/**
 * `message` completes the sentence "this address is wrong: …" and quotes no credential. `suggestion` is an address that
 * does parse and that was probably meant; absent when there is no likely one.
 */
export type ReferenceProblem = Readonly<{ code: ReferenceProblemCode; message: string; suggestion?: string }>;

export type Diagnosis = Readonly<{ code: ReferenceProblemCode; message: string }>;

/** Explains an address that `readReference` refused. For one that parses the answer is meaningless. */
export function diagnoseReference(written: string): ReferenceProblem {
  const { code, message } = diagnoseText(written) ?? diagnoseParts(written);
  const suggestion = code === 'placeholder' ? undefined : suggestReference(written);
  return suggestion === undefined ? { code, message } : { code, message, suggestion };
}

/** What is wrong with the text as a whole, before its parts mean anything. */
function diagnoseText(written: string): Diagnosis | undefined {
  if (written === '') return { code: 'empty', message: 'the image address is empty' };
  return diagnosePlaceholder(written) ?? diagnoseKind(written) ?? diagnoseCharacters(written);
}

function diagnoseParts(written: string): Diagnosis {
  const parts = splitReference(written);
  return (
    diagnoseName(parts) ?? diagnoseVersion(parts) ?? { code: 'malformed', message: 'this is not an image address' }
  );
}

function diagnosePlaceholder(written: string): Diagnosis | undefined {
  const code = 'placeholder';
  if (isPrintedObject(written)) return { code, message: 'a template printed a whole object here, not an address' };
  // What may be a password is not searched, for the finding is quoted.
  const searched = redactUserinfo(written);
  const misprint = findMisprint(searched);
  if (misprint !== undefined) {
    return { code, message: `a template had no usable value here: it printed ${quote(misprint, 40)}` };
  }
  const placeholder = findPlaceholder(searched);
  if (placeholder !== undefined) {
    const message = `a placeholder was left in: ${quote(placeholder, 40)} has to be replaced before the manifest is applied`;
    return { code, message };
  }
  return hasHiddenPlaceholder(written)
    ? {
        code,
        message: 'a placeholder between "@" signs was left in; it has to be replaced before the manifest is applied',
      }
    : undefined;
}

/** Addresses of another kind than an image's. */
function diagnoseKind(written: string): Diagnosis | undefined {
  if (isFilePath(written)) {
    return { code: 'malformed', message: 'this is a file path; images are pulled from registries only' };
  }
  if (isGitRepository(written)) {
    return { code: 'malformed', message: 'this is the address of a git repository, not of an image' };
  }
  const at = findUserinfo(written);
  if (at >= 0) return { code: 'userinfo', message: describeUserinfo(written.slice(at + 1)) };
  const scheme = schemeOf(written);
  if (scheme === '') return undefined;
  return { code: 'scheme', message: `an image address has no scheme, leave out ${quote(scheme, 40)}` };
}

function describeUserinfo(rest: string): string {
  return rest.includes('/')
    ? 'credentials do not belong in an image address but in a pull secret'
    : 'what stands before "@" reads as credentials, which belong in a pull secret (a digest is written @sha256:…)';
}

function diagnoseCharacters(written: string): Diagnosis | undefined {
  if (/\s/.test(written)) return { code: 'whitespace', message: `the address ${describeSpace(written)}` };
  const control = /[\p{Cc}\p{Cf}]/u.exec(written);
  if (control !== null) {
    const message = `the address contains an invisible character (${codePoint(control[0])})`;
    return { code: 'control-character', message };
  }
  const foreign = /[^\0-\x7f]/u.exec(written);
  if (foreign === null) return undefined;
  const message = `the address contains ${quote(foreign[0])} (${codePoint(foreign[0])}), only ASCII is allowed`;
  return { code: 'non-ascii', message };
}

function describeSpace(written: string): string {
  const trimmed = written.trim();
  if (trimmed === '') return 'is only white space';
  if (!written.startsWith(trimmed)) return `starts with ${nameSpace(written.charAt(0))}`;
  if (!written.endsWith(trimmed)) return `ends with ${nameSpace(written.charAt(written.length - 1))}`;
  return `contains ${nameSpace(/\s/.exec(written)?.[0] ?? '')}`;
}

function nameSpace(char: string): string {
  return SPACES[char] ?? `a white space character (${codePoint(char)})`;
}

const SPACES: Readonly<Record<string, string>> = {
  ' ': 'a space',
  '\t': 'a tab',
  '\n': 'a line break',
  '\r': 'a carriage return',
};

function codePoint(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
