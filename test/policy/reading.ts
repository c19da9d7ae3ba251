import type { Policy } from '../../src/engine/rule.ts';
import { PolicyError, type PolicyProblem } from '../../src/policy/errors.ts';
import { loadPolicy } from '../../src/rules/policy.ts';
import { joinPointer } from '../../src/text/json.ts';

/** The certificate of a CA whose key nobody has. */
export const CA = `-----BEGIN CERTIFICATE-----
MIIBfDCCASGgAwIBAgIUadGziQy2zJQJORf5467PAz4+Ke8wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjIyMjMyMzFaGA8yMTI2MTAyOTIy
MzIzMVowEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABA6n9svVBPkqiAvb8IHro/2DdkoP7i5fOuVP4NP+n9NFOCAXpzQXlUHIFFhr
aFXJ3gBxYAiJeci7Zi/hKIvi1mqjUzBRMB0GA1UdDgQWBBQcx+XWyJ/7EQu2Q3+5
RdLsOLTgcTAfBgNVHSMEGDAWgBQcx+XWyJ/7EQu2Q3+5RdLsOLTgcTAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDQnttMkM47JpDUWvy9P9TDBGBa
0iyOZR3Q+ds6JwoMVAIhAPtPF2IyscF8CWmAmiZQP6C60Heu7ZBytqGogUwLYxS1
-----END CERTIFICATE-----
`;

export const HEAD = 'apiVersion: pullguard.dev/v1alpha1\nkind: Policy\n';

/** The problems of a policy's text. */
function listProblems(text: string): readonly PolicyProblem[] {
  try {
    loadPolicy(text, 'p');
    return [];
  } catch (error) {
    if (error instanceof PolicyError) return error.problems;
    throw error;
  }
}

/** `line:column: message` of everything that is wrong with a text, a line each. */
export function mistakesIn(text: string): readonly string[] {
  return listProblems(text).map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

/** A policy with these members below its head. */
export function policyWith(members: object): Policy {
  return loadPolicy(write(members));
}

/** `pointer: message` of everything that is wrong with a policy with these members, in their order. */
export function problemsOf(members: object): readonly string[] {
  const pointers = listLines({ apiVersion: '', kind: '', ...members });
  return listProblems(write(members)).map(({ line, message }) => `${pointers[line - 1] ?? ''}: ${message}`);
}

function write(members: object): string {
  return JSON.stringify({ apiVersion: 'pullguard.dev/v1alpha1', kind: 'Policy', ...members }, null, 1);
}

/** What stands in each line of a value that is written as above. */
function listLines(value: unknown, pointer = ''): readonly string[] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length === 0) return [pointer];
  return [pointer, ...entries.flatMap(([key, member]) => listLines(member, joinPointer(pointer, key))), pointer];
}
