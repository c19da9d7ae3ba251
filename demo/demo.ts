/**
 * Shows pullguard at work: starts the built server, sends it what a Kubernetes API server sends, and prints what users see
 * in kubectl. Ends with 1 if an answer is not the one in expected-answers.yaml.
 *
 *     npm run demo
 */
import jsonpatch, { type Operation } from 'fast-json-patch';
import { paint as paintText, useColor } from '../src/cli/terminal.ts';
import { decodePatch, Expectations } from './expectations.ts';
import { startPullguard, type Endpoint, type Pullguard } from './pullguard.ts';
import { readRecorded, recordedNames, withObject } from './reviews.ts';
import type { KubernetesObject, PodSpec, Review, ReviewResponse } from './reviews.ts';
import { CHAPTERS, UNTOUCHED, type Scenario } from './scenarios.ts';
import { isSentTo, VALIDATOR } from './webhooks.ts';

const expectations = new Expectations();

// Ctrl-C takes the way of every exit, on which the server and its folder are cleared away.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
try {
  await main();
} catch (error) {
  expectations.problems.push(error instanceof Error ? error.message : String(error));
}
for (const problem of expectations.problems) console.error(paint('red', `\nFAILED: ${problem}`));
process.exit(expectations.problems.length === 0 ? 0 : 1);

async function main(): Promise<void> {
  const started = performance.now();
  console.log(
    'pullguard, started with a certificate of its own and called over TLS as a Kubernetes API server calls it.',
  );
  console.log('Policy: images of docker.io come from the mirror swr.eu-de.otc.t-systems.com/dockerhub');
  const pullguard = await startPullguard();
  for (const [at, { title, scenarios }] of CHAPTERS.entries()) {
    printTitle(at, title);
    for (const [position, scenario] of scenarios.entries()) {
      if (position > 0) console.log();
      await play(scenario, pullguard);
    }
  }
  printTitle(CHAPTERS.length, 'Let through without a word (*: a cluster does not even ask)');
  for (const [name, description] of Object.entries(UNTOUCHED)) await passQuietly(name, description, pullguard);
  checkThatAllAreShown();
  await pullguard.stop();
  expectations.finish();
  const { answers, problems } = expectations;
  const verdict = problems.length === 0 ? 'all as expected' : `${problems.length} not as expected`;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`\n${answers} answers, ${verdict}; pullguard stopped on SIGTERM with exit code 0. ${seconds} s in all.`);
}

async function play(scenario: Scenario, pullguard: Pullguard): Promise<void> {
  const { name, review, command, file, done, note, pod } = scenario;
  console.log(paint('bold', `$ ${command}`) + (note === undefined ? '' : paint('dim', `   # ${note}`)));
  const { answers, stored } = await admit(name, review, pullguard);
  for (const text of answers.flatMap(({ response }) => response.warnings ?? [])) {
    console.log(`${paint('yellow', 'Warning:')} ${text}`);
  }
  const denial = answers.find(({ response }) => !response.allowed)?.response.status;
  if (denial !== undefined) {
    const about = file === undefined ? '' : `error when creating "${file}": `;
    const denied = `admission webhook "${VALIDATOR}" denied the request: ${denial.message}`;
    console.log(`${paint('red', `Error from server (${denial.reason}):`)} ${about}${denied}`);
    return;
  }
  if (done !== '') console.log(done);
  if (stored !== review.request.object) printChange('the pod', review.request.object, stored);
  if (pod === undefined) return;
  const made = await admit(pod.name, pod.review, pullguard);
  printChange(`the pod of its ${pod.maker}`, pod.review.request.object, made.stored);
}

/** Asks in the API server's order: first what changes the object, then, about the object as changed, what may refuse it. */
async function admit(
  name: string,
  review: Review,
  pullguard: Pullguard,
): Promise<{ answers: readonly ReviewResponse[]; stored: KubernetesObject }> {
  const ask = async (endpoint: Endpoint, asked: Review): Promise<ReviewResponse> => {
    const answer = await pullguard.call(endpoint, asked);
    expectations.check(name, endpoint, { review: asked, answer });
    return answer;
  };
  const answers: ReviewResponse[] = [];
  let stored = review.request.object;
  if (isSentTo('mutate', review.request)) {
    const answer = await ask('mutate', review);
    const { patch } = decodePatch(answer);
    if (patch !== undefined) {
      stored = jsonpatch.applyPatch(structuredClone(stored), patch as Operation[], true).newDocument;
    }
    answers.push(answer);
  }
  // Also what no cluster sends, such as a deletion: an operator may have registered more than the manifests do.
  answers.push(await ask('validate', withObject(review, stored)));
  return { answers, stored };
}

async function passQuietly(name: string, description: string, pullguard: Pullguard): Promise<void> {
  const review = readRecorded(name);
  const { answers, stored } = await admit(name, review, pullguard);
  const isQuiet = stored === review.request.object && answers.every(({ response }) => isSilent(response));
  const sent = isSentTo('mutate', review.request) || isSentTo('validate', review.request);
  console.log(`${isQuiet ? paint('green', 'ok') : paint('red', 'NO')} ${sent ? ' ' : '*'} ${description}`);
}

function isSilent({ allowed, warnings }: ReviewResponse['response']): boolean {
  return allowed && warnings === undefined;
}

function checkThatAllAreShown(): void {
  const shown = new Set([
    ...CHAPTERS.flatMap(({ scenarios }) => scenarios.map(({ name }) => name)),
    ...Object.keys(UNTOUCHED),
  ]);
  for (const name of recordedNames()) {
    if (!shown.has(name)) expectations.problems.push(`the recorded review ${name} is not in scenarios.ts`);
  }
}

function printTitle(at: number, title: string): void {
  console.log(`\n${paint('cyan', `${at + 1}. ${title}`)}`);
}

/** What a patch did to a pod, field by field: `-` as it was sent, `+` as it is stored. */
function printChange(subject: string, before: KubernetesObject, after: KubernetesObject): void {
  console.log(paint('dim', `  ${subject}, as sent (-) and as stored (+):`));
  const stored = new Map(listFields(after.spec));
  for (const [field, value] of listFields(before.spec)) {
    const now = stored.get(field) ?? '';
    if (now === value) {
      console.log(`    ${field}: ${value}`);
    } else {
      console.log(paint('red', `  - ${field}: ${value}`));
      console.log(paint('green', `  + ${field}: ${now}`));
    }
  }
}

function listFields({ initContainers = [], containers = [], imagePullSecrets = [] }: PodSpec): [string, string][] {
  return [
    ...initContainers.map(({ image }, at): [string, string] => [`spec.initContainers[${at}].image`, image]),
    ...containers.map(({ image }, at): [string, string] => [`spec.containers[${at}].image`, image]),
    [
      'spec.imagePullSecrets',
      imagePullSecrets.length === 0 ? 'none' : imagePullSecrets.map(({ name }) => name).join(', '),
    ],
  ];
}

function paint(style: Parameters<typeof paintText>[0], text: string): string {
  return paintText(style, text, useColor(process.stdout));
}
