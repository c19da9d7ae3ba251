import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const SRC = new URL('../../src/', import.meta.url);

/** What takes a sentence apart, or compares one: whoever rewords it would change what happens. */
const READS_A_SENTENCE = [
  /\b(?:message|said|remedy|problem|why)\b\)*\.(?:includes|startsWith|endsWith|match|matchAll|search|indexOf|split|slice|replace|replaceAll)\(/,
  /\.(?:test|exec)\([^)]*\b(?:message|said|remedy|problem|why)\b/,
  /\.(?:includes|startsWith|endsWith|indexOf|split)\((['"`])[^'"`]*[a-z] [a-z][^'"`]*\1\)/,
  /[!=]==? (['"`])[^'"`]*[a-z] [a-z][^'"`]*\1/,
  /\bcase (['"`])[^'"`]*[a-z] [a-z][^'"`]*\1:/,
];

/** Sentences that others wrote, and that say what nothing else does. */
const OF_OTHERS = [
  // Node, and the parser of YAML.
  /^manifest\/\S+: .*\berror\.message\b/,
  // The client of HTTP, and the parser of a kubeconfig.
  /^cluster\/connection\/\S+: .*\bmessage\b/,
  // Tools that render, whose errors begin with the word that stands before ours.
  /^cli\/render\.ts: .*\bsaid\.replace\(/,
  // Mistakes of a policy, a line each, and the remedy behind a message that may end in a full stop.
  /^cli\/policy-test\.ts: .*\berror\.message\.split/,
  /^cli\/formats\/issues\.ts: .*\[\.\?!\]/,
  // Admission controllers, which refuse Pods for any reason under one.
  /^scan\/waiting-pods\.ts: .*\.test\(message\)/,
  // kubelet, of a pull that went well.
  /^cause\/reported-failures\.ts: .*\bPULLED\.exec\(/,
  // Registries, which say the same code of everything.
  /^registry\/client\/\S+: .*\bsentence\.test\(message\)/,
];

function find(file: string, text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => READS_A_SENTENCE.some((pattern) => pattern.test(line)))
    .map((line) => `${file}: ${line.trim()}`)
    .filter((found) => !OF_OTHERS.some((pattern) => pattern.test(found)));
}

test('nothing reads in our sentences what happened: causes, faults and messages have codes for that', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(100);
  expect(files.flatMap((file) => find(file, readFileSync(new URL(file, SRC), 'utf8')))).toEqual([]);
});

test.each([
  "if (said === 'it TLS handshake failed') return 1;",
  'if (finding.message.includes("expired")) return 1;',
  'return /HTTP 5\\d\\d$/.test(answer.said);',
  "const [cause] = String(error.message).split(': ');",
  "if (text.startsWith('cannot reach')) return 1;",
  "case 'not found':",
])('such as %s', (line) => {
  expect(find('rules/a.ts', line)).toEqual([`rules/a.ts: ${line}`]);
});
