import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import type { Endpoint } from './pullguard.ts';
import type { Review, ReviewResponse } from './reviews.ts';

/** An answer without what is the same in all: uid, version, code and reason of a denial, type and coding of a patch. */
type Answer = Readonly<{
  denied?: string;
  patch?: readonly unknown[];
  warnings?: readonly string[];
  audit?: Readonly<Record<string, string>>;
}>;

const EXPECTED = parse(readFileSync(new URL('expected-answers.yaml', import.meta.url), 'utf8')) as Readonly<
  Record<string, Readonly<Partial<Record<Endpoint, Answer>>>>
>;

/** Holds answers against expected-answers.yaml. */
export class Expectations {
  readonly problems: string[] = [];
  answers = 0;
  readonly #met = new Set<string>();

  check(name: string, endpoint: Endpoint, { review, answer }: { review: Review; answer: ReviewResponse }): void {
    this.answers++;
    this.#met.add(`${name} ${endpoint}`);
    const expected = toResponse(EXPECTED[name]?.[endpoint] ?? {}, review);
    const received = { ...answer, response: { ...answer.response, ...decodePatch(answer) } };
    if (!isDeepStrictEqual(received, expected)) {
      this.problems.push(
        `unexpected answer of /${endpoint} to ${name}\nexpected: ${show(expected)}\nreceived: ${show(received)}`,
      );
    }
  }

  /** An expectation that nothing met is a demo that shows less than it says. */
  finish(): void {
    for (const [name, answers] of Object.entries(EXPECTED)) {
      for (const endpoint of Object.keys(answers)) {
        if (!this.#met.has(`${name} ${endpoint}`)) {
          this.problems.push(`expected-answers.yaml has an answer of /${endpoint} to ${name}, which was not asked`);
        }
      }
    }
  }
}

function toResponse({ denied, patch, warnings, audit }: Answer, { apiVersion, request }: Review): object {
  return {
    apiVersion,
    kind: 'AdmissionReview',
    response: {
      uid: request.uid,
      allowed: denied === undefined,
      ...(denied !== undefined && { status: { code: 403, reason: 'Forbidden', message: denied } }),
      ...(patch !== undefined && { patchType: 'JSONPatch', patch }),
      ...(warnings !== undefined && { warnings }),
      ...(audit !== undefined && { auditAnnotations: audit }),
    },
  };
}

export function decodePatch({ response: { patch } }: ReviewResponse): { patch?: unknown[] } {
  return patch === undefined ? {} : { patch: JSON.parse(Buffer.from(patch, 'base64').toString()) as unknown[] };
}

function show(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll('\n', '\n  ');
}
