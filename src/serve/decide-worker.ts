/** The thread that decides large reviews. `large-reviews.ts` starts it and exchanges messages with it. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Policy } from '../engine/rule.ts';
import { keepAnswerable } from '../policy/policy.ts';
import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { decideBody, type LookUp, type Told } from './decide-body.ts';
import type { FromWorker, ToWorker } from './large-reviews.ts';

const gathered = workerData as readonly string[];
let answer: (told: Told) => void = () => undefined;
let known: Readonly<{ text: string | undefined; policy: Policy }> | undefined;

parentPort?.on('message', (message: ToWorker) => {
  if ('told' in message) {
    answer(message.told);
    return;
  }
  void decideBody(message.job, policyOf(message.policy), ask).then((decision) => {
    tell({ decision });
  });
});

/** The policy in a text, loaded only if the text differs from the last one. */
function policyOf(text: string | undefined): Policy {
  if (known === undefined || known.text !== text) {
    known = { text, policy: keepAnswerable(text === undefined ? defaultPolicy() : loadPolicy(text), gathered) };
  }
  return known.policy;
}

async function ask(open: ReadonlyMap<string, LookUp>): Promise<Told> {
  return new Promise((resolve) => {
    answer = resolve;
    tell({ open });
  });
}

function tell(message: FromWorker): void {
  parentPort?.postMessage(message);
}
