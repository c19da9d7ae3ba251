import { defineRule, type Report, type Unplaced } from '../engine/rule.ts';
import { isSurelyServed } from '../pull/pod-pull.ts';
import { formatFieldPath } from '../text/json.ts';
import { isSubdomain, MAX_SUBDOMAIN } from '../text/kubernetes-name.ts';
import { quote } from '../text/quote.ts';
import { isSecretSlipRefused, type PullSecretSlip } from '../workload/pull-secret-slips.ts';

type Meant = Readonly<{ meant: string | undefined }>;

const MESSAGES = {
  'no-list': () =>
    'imagePullSecrets has to be a list, and the API server refuses anything else: write [{ name: NAME }]',
  'no-object': ({ meant = 'NAME' }: Meant) =>
    `an entry of imagePullSecrets has to be an object, and the API server refuses anything else: write { name: ${meant} }`,
  'no-text': ({ meant = 'NAME' }: Meant) =>
    `the name of a pull secret has to be a text, and the API server refuses anything else: write ${quote(meant)}, in quotes`,
  'no-name': () => 'has no name, so kubelet passes over this entry: write { name: NAME }',
  'bad-name': ({ meant, isTooLong }: Meant & Readonly<{ isTooLong: boolean }>) => {
    const why = isTooLong
      ? `names have up to ${MAX_SUBDOMAIN} characters`
      : 'names have lower-case letters, digits, "-" and "." only';
    return `no Secret can have this name, so the images are pulled without it; ${meant === undefined ? why : `did you mean ${quote(meant)}?`}`;
  },
  misplaced: ({ field, readAt }: Readonly<{ field: string; readAt: string }>) =>
    `${field} is not read here, so the images are pulled without it: move it to ${readAt}, beside containers`,
  misspelled: ({ field }: Readonly<{ field: string }>) =>
    `${quote(field)} is no field of a pod spec, so the images are pulled without it: write imagePullSecrets`,
};

export const pullSecretsValid = defineRule({
  id: 'pull-secrets-valid',
  description:
    'Finds imagePullSecrets that name no Secret: in the wrong place, of the wrong type, or with an impossible name.',
  remedy: 'List pull secrets as imagePullSecrets: [{ name: NAME }] in the pod spec, beside containers.',
  faqItems: [1, 3],
  defaultAction: 'deny',
  scope: 'pull-secrets',
  fixable: false,
  options: {},
  needs: [],
  messages: MESSAGES,
  check: ({ workload, pull, policy, now, flatMap }) => {
    if (workload.images.length === 0 || workload.pullSecretSlips.length === 0) return [];
    const isServed = isSurelyServed(pull, policy, now);
    return flatMap(workload.pullSecretSlips, (slip) => [
      // What is refused is refused whatever the pod has besides.
      { ...describe(slip), ...(isServed && !isSecretSlipRefused(slip) && { harmless: true }) },
    ]);
  },
});

type Reported = Report<typeof MESSAGES>;

function describe(found: PullSecretSlip): Reported {
  const { at, value, label } = found;
  return {
    at,
    ...(value !== undefined && { value }),
    ...(label !== undefined && { label }),
    // What is dropped or passed over leaves a pod that may yet find its images public, or on the node.
    ...(!isSecretSlipRefused(found) && { atMost: 'warn' }),
    ...chooseMessage(found),
  };
}

function chooseMessage(found: PullSecretSlip): Unplaced<typeof MESSAGES> {
  const { value = '' } = found;
  switch (found.slip) {
    case 'no-list':
    case 'no-name':
      return { messageId: found.slip };
    case 'no-object':
    case 'no-text':
      return { messageId: found.slip, params: { meant: isSubdomain(value) ? value : undefined } };
    case 'bad-name': {
      const meant = findMeant(value);
      return { messageId: 'bad-name', params: { meant, isTooLong: value.length > MAX_SUBDOMAIN }, suggestion: meant };
    }
    case 'misplaced':
      return { messageId: 'misplaced', params: { field: found.field, readAt: formatFieldPath(found.readAt) } };
    case 'misspelled':
      return { messageId: 'misspelled', params: { field: found.field } };
  }
}

/** The name in what a template printed, or what is left without blanks, quotes and capitals; undefined where that is no name either. */
function findMeant(written: string): string | undefined {
  if (written.length > MAX_SUBDOMAIN * 2) return undefined;
  const [, printed] = PRINTED.exec(written) ?? [];
  const name = (printed ?? written).replaceAll(/^[\s"'`]+|[\s"'`]+$/g, '').toLowerCase();
  return isSubdomain(name) ? name : undefined;
}

/** `map[name:regcred]`, `[map[name:regcred]]`, `{name: regcred}`, `{"name":"regcred"}`, `- name: regcred`, `{regcred}`. */
const PRINTED = /^[\s[{-]*(?:map\[)?["']?name["']?\s*[:=]\s*(["']?[a-zA-Z\d.-]+["']?)\s*[\]}]*\s*$/;
