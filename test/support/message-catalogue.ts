import {
  CAUSES,
  causeOf,
  type CauseCode,
  type CauseContext,
  describeFault,
  type Fault,
} from '../../src/cause/causes.ts';
import { describeNotAsked } from '../../src/cause/answer.ts';
import { answerUnread } from '../../src/admission/admit.ts';
import { respondToFailure } from '../../src/admission/review.ts';
import type { Lack } from '../../src/engine/evaluate.ts';
import { checkNamespaceLabels } from '../../src/engine/namespace-mode.ts';
import { findSuspicions, parseReference } from '../../src/image/parse-reference.ts';
import { readManifest } from '../../src/manifest/read-manifests.ts';
import { PolicyError } from '../../src/policy/errors.ts';
import { FLAW_WORDS } from '../../src/pull/credential-flaws.ts';
import { describeFinding } from '../../src/report/finding.ts';
import { listSkipped } from '../../src/report/blocks.ts';
import { RULES } from '../../src/rules/index.ts';
import { quote } from '../../src/text/quote.ts';
import { HOUR, judgeIn, NOW } from './facts.ts';
import {
  BROKEN_MANIFESTS,
  BROKEN_POLICIES,
  FAULT_NUMBERS,
  NOT_ASKED,
  ODD_IMAGES,
  referenceSamples,
  RULE_SAMPLES,
} from './message-samples.ts';
import { deployment, pod } from './objects.ts';
import { MIRRORED, policyOf } from './policies.ts';

/**
 * `message`: what kubectl shows, in the form `what is wrong (the runtime's own words): what to do`. `remedy`: whole sentences.
 * `part`: words that stand inside of another text.
 */
export type Entry = Readonly<{ id: string; kind: 'message' | 'remedy' | 'part'; text: string }>;

export type Section = Readonly<{ title: string; entries: readonly Entry[] }>;

/** Everything that the core says to people, with a sample of each. */
export function listCatalogue(): readonly Section[] {
  return [
    { title: 'Rules', entries: RULES.flatMap((rule) => listRule(rule)) },
    { title: 'What is fixed', entries: listFixes() },
    { title: 'Causes', entries: (Object.keys(CAUSES) as CauseCode[]).flatMap((code) => listCause(code)) },
    { title: 'Faults of registries', entries: listFaults() },
    { title: 'Why a registry is not asked', entries: listNotAsked() },
    { title: 'Flaws of credentials', entries: Object.entries(FLAW_WORDS).map(([id, text]) => part(id, text)) },
    { title: 'Image references that do not parse', entries: listProblems() },
    { title: 'Image references that are suspicious', entries: listSuspicions() },
    { title: 'Policy errors', entries: BROKEN_POLICIES.flatMap((text) => listPolicyErrors(text)) },
    { title: 'Manifests that cannot be read', entries: listManifestErrors() },
    { title: 'Skips, namespace labels and limits', entries: [...listEngine(), ...listAdmission()] },
    { title: 'Notes', entries: listNotes() },
  ];
}

function message(id: string, text: string): Entry {
  return { id, kind: 'message', text };
}

function remedy(id: string, text: string): Entry {
  return { id, kind: 'remedy', text };
}

function part(id: string, text: string): Entry {
  return { id, kind: 'part', text };
}

function listRule({ id, description, remedy: toDo, options, messages }: (typeof RULES)[number]): readonly Entry[] {
  const samples: Readonly<Record<string, readonly unknown[]>> = RULE_SAMPLES[id as keyof typeof RULE_SAMPLES];
  return [
    remedy(id, description),
    remedy(`${id} remedy`, toDo),
    ...Object.entries(options).map(([name, option]) => remedy(`${id} ${name}`, String(option['description']))),
    ...Object.entries(messages).flatMap(([messageId, word]) => {
      const params = samples[messageId] ?? [];
      const write = word as (params: unknown) => string;
      return (params.length === 0 ? [undefined] : params).map((each) => message(`${id} ${messageId}`, write(each)));
    }),
  ];
}

function listFixes(): readonly Entry[] {
  const policy = policyOf(
    'mirrors: [{ from: docker.io, to: swr.eu-de.otc.t-systems.com/dockerhub }]',
    'registries: [{ hosts: [harbor.example.com], pullSecret: harbor }]',
  );
  const images = ['nginx:1.25', 'harbor.example.com/team/app:v1'];
  return images.flatMap((image) =>
    [
      judgeIn({}, pod(image), { policy, fixMode: 'apply' }),
      judgeIn({}, pod(image), { policy }),
      judgeIn({}, deployment(image), { policy }),
    ].flatMap(({ findings }) => findings.map((finding) => message(`${finding.rule} fixed`, describeFinding(finding)))),
  );
}

const ENDPOINT = 'harbor.example.com:443';

function listCause(code: CauseCode): readonly Entry[] {
  const cause = causeOf(code);
  const [reference] = referenceSamples();
  const usual: CauseContext = {
    endpoint: ENDPOINT,
    reference: reference!,
    secrets: ['harbor'],
    now: NOW,
    endsAt: NOW + 2 * HOUR,
    fault: {
      what: code === 'web-page' ? 'web-page' : code === 'broken-registry' ? 'other-digest' : 'status',
      number: 503,
    },
    artifact: 'a Helm chart',
    platform: 'linux/arm64',
  };
  const contexts: readonly CauseContext[] = [
    usual,
    { ...usual, secrets: [], endsAt: undefined },
    { ...usual, secrets: ['harbor', 'quay'] },
    { ...usual, secrets: ['default-secret'] },
    ...referenceSamples().map((each) => ({ ...usual, reference: each })),
  ];
  return [part(code, cause.name), ...new Set(contexts.map((context) => cause.message(context)))]
    .map((entry) => (typeof entry === 'string' ? message(code, entry) : entry))
    .concat(remedy(code, cause.remedy(usual)));
}

function listFaults(): readonly Entry[] {
  return (Object.keys(FAULT_NUMBERS) as Fault['what'][]).map((what) => {
    const number = FAULT_NUMBERS[what];
    return part(what, describeFault(number === undefined ? { what } : { what, number }));
  });
}

function listNotAsked(): readonly Entry[] {
  return Object.entries(NOT_ASKED).map(([why, notAsked]) => part(why, describeNotAsked(notAsked)));
}

function listProblems(): readonly Entry[] {
  return ODD_IMAGES.flatMap((written) => {
    const parsed = parseReference(written);
    return parsed.ok ? [] : [message(`${parsed.problem.code} ${quote(written, 50)}`, parsed.problem.message)];
  });
}

function listSuspicions(): readonly Entry[] {
  return ODD_IMAGES.flatMap((written) => {
    const { suspicion, move } = findSuspicions(written);
    const text = suspicion ?? move;
    return text === undefined ? [] : [message(quote(written, 50), text)];
  });
}

function listPolicyErrors(text: string): readonly Entry[] {
  try {
    policyOf(text);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return error.problems.map((problem) => message(quote(text, 60), problem.message));
  }
  return text === 'registries: []' ? [] : [message(text, 'NOTHING IS WRONG')];
}

function listManifestErrors(): readonly Entry[] {
  return BROKEN_MANIFESTS.flatMap((text) =>
    readManifest(text).errors.map((error) => message(quote(text, 40), error.message)),
  );
}

function listEngine(): readonly Entry[] {
  const skipping = (value: string) => {
    const object = pod('nginx');
    return { ...object, metadata: { name: 'web', annotations: { 'pullguard.dev/skip': value } } };
  };
  const policies = [policyOf('skip: { rules: [mirror-used], namespaces: [dev] }'), policyOf()];
  const skips = ['mirror-used', 'tag-explicit', 'no-such-rule', 'x'.repeat(2000)].flatMap((value) =>
    policies.flatMap((policy) => judgeIn({}, skipping(value), { policy }).findings),
  );
  const many = Array.from({ length: 200 }, (_, at) => ({ name: `c${at}`, image: `NGINX${at}` }));
  const beyond = [
    judgeIn({}, deployment('', { containers: many }), { policy: MIRRORED }),
    judgeIn({}, deployment('', { containers: many.map((each) => ({ ...each, image: each.image.toLowerCase() })) }), {
      policy: MIRRORED,
    }),
    judgeIn({}, deployment('a', { imagePullSecrets: many.map(({ name }) => ({ name })) }), { policy: MIRRORED }),
    judgeIn(
      {},
      deployment('', { containers: Array.from({ length: 2000 }, (_, at) => ({ name: `c${at}`, image: 'a' })) }),
      {
        policy: MIRRORED,
        timeLeft: () => -1,
      },
    ),
  ].flatMap(({ findings }) => findings.filter(({ rule }) => rule === 'within-bounds'));
  const labels = { 'pullguard.dev/mode': 'on', 'pullguard.dev/fix': 'no', 'pullguard.dev/mod': 'off' };
  const namespace = { operation: 'CREATE', object: { metadata: { labels } }, oldObject: undefined };
  return [
    ...[...skips, ...beyond]
      .filter(({ rule }) => rule !== 'mirror-used' && rule !== 'pull-secret-present')
      .map((finding) => message(`${finding.rule} ${finding.messageId}`, describeFinding(finding))),
    ...checkNamespaceLabels(namespace).map(({ messageId, message: text }) =>
      message(`namespace-labels ${messageId}`, text),
    ),
  ];
}

function listAdmission(): readonly Entry[] {
  const request = {
    ...{
      uid: '1234',
      kind: { group: '', kind: 'Pod' },
      subResource: '',
      operation: 'CREATE',
      namespace: 'shop',
      name: 'web',
    },
    ...{ dryRun: false, username: 'alice', object: {}, oldObject: undefined },
  };
  const unread = { policy: policyOf(), facts: {}, problem: 'it is larger than 19 MiB' };
  const answers = [
    respondToFailure({ request }),
    answerUnread({ request }, 'validate', { ...unread, reason: 'too-large' }),
    answerUnread({ request }, 'mutate', { ...unread, reason: 'too-large' }),
  ];
  return answers.flatMap(({ response: { warnings = [], status } }) =>
    [...warnings, ...(status === undefined ? [] : [status.message])].map((text) => message('admission', text)),
  );
}

function listNotes(): readonly Entry[] {
  const lacks: readonly Lack[] = ['pullSecrets', 'serviceAccounts', 'namespaces', 'registries', 'nodes', 'budget'];
  return lacks.map((lack) =>
    message(`not checked ${lack}`, listSkipped([{ rule: 'image-fits', missing: [lack] }])[0]!),
  );
}
