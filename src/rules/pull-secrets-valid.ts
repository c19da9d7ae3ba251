import { defineRule, type Report, type Unplaced } from '../engine/rule.ts';
import { isSurelyServed } from '../pull/pod-pull.ts';
import { formatFieldPath } from '../text/json.ts';
import { isSubdomain, MAX_SUBDOMAIN } from '../text/kubernetes-name.ts';
import { quote } from '../text/quote.ts';
import { isSecretSlipRefused, type PullSecretSlip } from '../workload/pull-secret-slips.ts';

type Meant = Readonly<{ meant: string | undefined }>;

const MESSAGES = {
  'no-list': () => 'imagePullSecrets is not a list (cannot unmarshal): write imagePullSecrets: [{ name: NAME }]',
  'no-object': ({ meant = 'NAME' }: Meant) =>
    `entry of imagePullSecrets is not an object (cannot unmarshal): write { name: ${meant} }`,
  'no-text': ({ meant = 'NAME' }: Meant) =>
    `name of a pull secret is not a string (cannot unmarshal): write ${quote(meant)}, in quotes`,
  'no-name': () => 'entry of imagePullSecrets has no name, so kubelet ignores it: write { name: NAME }',
  'bad-name': ({ meant, isTooLong }: Meant & Readonly<{ isTooLong: boolean }>) => {
    const allowed = isTooLong ? `at most ${MAX_SUBDOMAIN} characters` : 'lowercase letters, digits, "-" and "."';
    const advice = meant === undefined ? `: use ${allowed}` : `; did you mean ${quote(meant)}?`;
    return `not a valid Secret name (lowercase RFC 1123 subdomain), so images are pulled without it${advice}`;
  },
  misplaced: ({ field, readAt }: Readonly<{ field: string; readAt: string }>) =>
    `unknown field ${quote(field)} here, so images are pulled without it: move it to ${readAt}`,
  misspelled: ({ field }: Readonly<{ field: string }>) =>
    `unknown field ${quote(field)}, so images are pulled without it: rename it to imagePullSecrets`,
};

export const pullSecretsValid = defineRule({
  id: 'pull-secrets-valid',
  description:
    'Finds imagePullSecrets that cannot work: in the wrong place, of the wrong type, or with an invalid name.',
  remedy: 'Write imagePullSecrets: [{ name: NAME }] in the Pod spec, next to containers.',
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
      // A refused object is refused no matter what else the Pod has.
      { ...describe(slip), ...(isServed && !isSecretSlipRefused(slip) && { harmless: true }) },
    ]);
  },
});

/** A longer name is not repeated. */
const MAX_MEANT = 63;

type Reported = Report<typeof MESSAGES>;

function describe(found: PullSecretSlip): Reported {
  const { at, value, label } = found;
  return {
    at,
    ...(value !== undefined && { value }),
    ...(label !== undefined && { label }),
    // Although the field is ignored, the images may be public, or on the node.
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
      return {
        messageId: found.slip,
        params: { meant: isSubdomain(value) && value.length <= MAX_MEANT ? value : undefined },
      };
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

/**
 * The name in the output of a template, or the text without spaces, quotes and capitals; undefined if that is not a valid name.
 */
function findMeant(written: string): string | undefined {
  if (written.length > MAX_SUBDOMAIN * 2) return undefined;
  const [, printed] = PRINTED.exec(written) ?? [];
  const name = (printed ?? written).replaceAll(/^[\s"'`]+|[\s"'`]+$/g, '').toLowerCase();
  return isSubdomain(name) ? name : undefined;
}

/** `map[name:regcred]`, `[map[name:regcred]]`, `{name: regcred}`, `{"name":"regcred"}`, `- name: regcred`, `{regcred}`. */
const PRINTED = /^[\s[{-]*(?:map\[)?["']?name["']?\s*[:=]\s*(["']?[a-zA-Z\d.-]+["']?)\s*[\]}]*\s*$/;
