import { expect, test } from 'vitest';
import type { FailedPulls, Facts } from '../../src/pull/facts.ts';
import { decideBody, listAskable, lookUpAll, type BodyDecision } from '../../src/serve/decide-body.ts';
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

async function decideIn(
  facts: Facts,
  body = JSON.stringify(reviewOf(OBJECT)),
): Promise<{ decision: BodyDecision; rounds: number }> {
  let rounds = 0;
  const job = { endpoint: 'validate', body: [Buffer.from(body)], askable: listAskable(facts), now: NOW } as const;
  const decision = await decideBody(job, POLICY, async (open) => {
    rounds++;
    return Promise.resolve(structuredClone(lookUpAll(structuredClone(open), facts)));
  });
  return { decision: structuredClone(decision), rounds };
}

const OBJECT = deployment('quay.io/team/app:1', { serviceAccountName: 'builder' });

test('a review in another thread is told what it asks of the cluster, and what that leads to', async () => {
  const { decision, rounds } = await decideIn(FACTS);
  if ('problem' in decision) throw new Error(decision.problem.message);
  const { findings = [], unanswered = [] } = decision.decided.admission ?? {};
  expect(findings).toMatchObject([{ rule: 'pull-secret-usable', messageId: 'no-entry', secret: 'team' }]);
  expect(unanswered).toMatchObject([{ pullSecrets: ['team'] }]);
  expect(decision.request).toMatchObject({ uid: 'b3f1', object: { metadata: { name: 'web' } } });
  expect(decision.request.object).not.toHaveProperty('spec');
  // The labels and the account; its secret and the image.
  expect(rounds).toBe(2);
});

test('it is told what nodes meet, as a small one is', async () => {
  const failed: FailedPulls = {
    cause: 'unknown-ca',
    of: 'registry',
    registry: 'quay.io',
    nodes: 3,
    pods: 9,
    since: NOW,
  };
  const pulls: Facts['pulls'] = {
    find: ({ registry }, namespace) => (registry === 'quay.io' && namespace === 'default' ? [failed] : []),
    hasPulled: () => false,
  };
  const { decision } = await decideIn({ pulls });
  if ('problem' in decision) throw new Error(decision.problem.message);
  expect(decision.decided.admission?.findings).toMatchObject([
    { rule: 'nodes-can-pull', cause: 'unknown-ca', value: 'quay.io/team/app:1' },
  ]);
});

test('what is no review is said as it is of a small one', async () => {
  expect((await decideIn({}, '{')).decision).toEqual({ problem: { code: 400, message: 'the body is not valid JSON' } });
  expect((await decideIn({}, '{}')).decision).toMatchObject({ problem: { code: 400 } });
});
