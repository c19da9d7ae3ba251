import { expect, test } from 'vitest';
import type { Facts } from '../../src/pull/facts.ts';
import { listAskable, lookUpAll } from '../../src/serve/asked-facts.ts';
import { judge, type Judged } from '../../src/serve/judge.ts';
import { holding, factsOf, NOW } from '../support/facts.ts';
import { deployment } from '../support/objects.ts';
import { policyOf } from '../support/policies.ts';
import { reviewOf } from './helpers.ts';

const POLICY = policyOf('registries: [{ hosts: [docker.io], probe: true }]');

const FACTS: Facts = {
  ...factsOf({ 'default/team': holding(['other.example.com']) }, { 'default/builder': ['team'] }),
  namespaces: { findLabels: () => ({}) },
  registries: { get: () => 'unasked' },
};

async function judgeIn(
  facts: Facts,
  body = JSON.stringify(reviewOf(OBJECT)),
): Promise<{ judged: Judged; rounds: number }> {
  let rounds = 0;
  const job = { endpoint: 'validate', body: [Buffer.from(body)], askable: listAskable(facts), now: NOW } as const;
  const judged = await judge(job, POLICY, async (open) => {
    rounds++;
    return Promise.resolve(structuredClone(lookUpAll(structuredClone(open), facts)));
  });
  return { judged: structuredClone(judged), rounds };
}

const OBJECT = deployment('quay.io/team/app:1', { serviceAccountName: 'builder' });

test('a review in another thread is told what it asks of the cluster, and what that leads to', async () => {
  const { judged, rounds } = await judgeIn(FACTS);
  if ('problem' in judged) throw new Error(judged.problem.message);
  const { findings = [], unanswered = [] } = judged.decided.admission ?? {};
  expect(findings).toMatchObject([{ rule: 'pull-secret-usable', messageId: 'no-entry', secret: 'team' }]);
  expect(unanswered).toMatchObject([{ pullSecrets: ['team'] }]);
  expect(judged.request).toMatchObject({ uid: 'b3f1', object: { metadata: { name: 'web' } } });
  expect(judged.request.object).not.toHaveProperty('spec');
  // The labels and the account; its secret and the image.
  expect(rounds).toBe(2);
});

test('what is no review is said as it is of a small one', async () => {
  expect((await judgeIn({}, '{')).judged).toEqual({ problem: { code: 400, message: 'the body is not valid JSON' } });
  expect((await judgeIn({}, '{}')).judged).toMatchObject({ problem: { code: 400 } });
});
