import type { Mode } from '../engine/namespace-mode.ts';
import type { ConfiguredRule, Policy } from '../engine/rule.ts';
import { ACTIONS, type Action } from '../policy/policy.ts';
import { MAX_SUBDOMAIN, SUBDOMAIN_PATTERN } from '../text/kubernetes-name.ts';
import { allOf, anyOf, bind, isOfHosts, literal, type Cel } from './cel.ts';
import { describeCause } from './causes-cel.ts';
import {
  addressOnMirror,
  extend,
  findRule,
  IS_POD,
  isPulled,
  isWaived,
  listSecretNames,
  mirrorOf,
  namesSecret,
  pullSecretOf,
} from './images-cel.ts';
import { fullAddress, hasDigest, hasRegistry, hasTag, isReference, matches } from './reference-cel.ts';

/** What decides about a finding besides its rule: where it is, and what is in the labels of the namespace. */
export type Situation = Readonly<{ mode: Exclude<Mode, 'off'>; fixes: boolean; target: 'pods' | 'templates' }>;

/** Something that is looked for: what a rule finds, or the part of that which is dealt with differently. */
export type Check = Readonly<{
  /** A variable of CEL. */
  name: string;
  rule: string;
  /**
   * The images that are looked at. `fresh` are those that an update brings, `parsed` those of them that runtimes can parse and that are
   * not exempt; `reachable` and `pulled` are the same, and all images where an update changes the pull secrets.
   */
  from: 'fresh' | 'parsed' | 'reachable' | 'pulled';
  /** Which of them are wrong, as what follows a list of them in CEL; `u` is an image. */
  wrong: Cel;
  /** What is said of one of those. */
  message: Cel;
  /** What comes of it. */
  act: (situation: Situation) => Action;
}>;

/** All that the rules of a policy look for and CEL can say. */
export function listChecks(policy: Policy): readonly Check[] {
  return policy.rules.flatMap((configured) => CHECKS[configured.rule.id]?.(configured, policy) ?? []);
}

/** The rules of which something can be said in CEL. */
export function isSayable(rule: string): boolean {
  return CHECKS[rule] !== undefined;
}

/** What is said of an image besides its `label`, its text and its `pull` policy, by what the rules of a policy ask for; `p` is its pod. */
export function listMembers(policy: Policy): Readonly<Record<string, Cel>> {
  const hasSecrets = ['pull-secrets-valid', 'pull-secret-present'].some((id) => findRule(policy, id) !== undefined);
  const waivable = policy.rules.flatMap(({ rule: { id } }) => {
    const waived = isSayable(id) ? isWaived(policy, id) : undefined;
    return waived === undefined ? [] : [`(${waived} ? ${literal(`${id},`)} : '')`];
  });
  return {
    ...(hasSecrets && { secrets: listSecretNames() }),
    ...(findRule(policy, 'pull-secret-present') !== undefined &&
      mayMove(policy) && { moves: `string(${movesLater(policy)})` }),
    ...(waivable.length > 0 && { waived: `',' + ${waivable.join(' + ')}` }),
  };
}

/** The names of the members of an image, as it is written and as it is parsed. */
export function nameMembers(policy: Policy): Readonly<{ written: readonly string[]; parsed: readonly string[] }> {
  const written = ['label', 'image', 'pull', ...Object.keys(listMembers(policy))];
  return { written, parsed: [...written, 'full'] };
}

/** The images for which a rule is not switched off by an annotation. */
export function dropWaived(policy: Policy, rule: string): Cel {
  return isWaived(policy, rule) === undefined ? '' : `.filter(u, !u.waived.contains(${literal(`,${rule},`)}))`;
}

const CHECKS: Readonly<Record<string, (configured: ConfiguredRule, policy: Policy) => readonly Check[]>> = {
  'reference-valid': ({ action }) => [
    {
      ...simple('reference-valid', action),
      from: 'fresh',
      wrong: `.filter(u, !(${isReference('u.image')}))`,
      message: describeCause('u.image'),
    },
  ],
  'tag-explicit': ({ action, options }) => {
    const isLatest = options['forbidLatest'] === true ? [`u.full.endsWith(':latest')`] : [];
    return [
      {
        ...simple('tag-explicit', action),
        from: 'parsed',
        wrong: `.filter(u, ${allOf(`!${hasDigest('u.full')}`, anyOf(`!${hasTag('u.full')}`, ...isLatest))})`,
        message: `${hasTag('u.full')} ? 'tag "latest" may change at any time: use a version tag or a digest' : 'image has no tag and no digest, so "latest" is pulled: add a tag or a digest'`,
      },
    ];
  },
  'registry-explicit': ({ action }) => [
    {
      ...simple('registry-explicit', action),
      from: 'parsed',
      wrong: `.filter(u, !${hasRegistry('u.image')})`,
      message: `'image has no registry, so CRI-O may reject it as a short name (ImageInspectError): write its full address'`,
    },
  ],
  'mirror-used': listMirrorChecks,
  'pull-secrets-valid': ({ action }, policy) => [
    {
      ...simple('pull-secrets-valid', lowest(action, 'warn')),
      from: 'reachable',
      wrong: `.filter(u, ${anyOf(`!${matches('u.secrets', SECRET_NAMES)}`, matches('u.secrets', LONG_NAME))})${dropExempt(policy)}`,
      message: `'a name in imagePullSecrets is not a valid Secret name (lowercase RFC 1123 subdomain), so images are pulled without it: use lowercase letters, digits, "-" and "."'`,
    },
  ],
  'pull-secret-present': listSecretChecks,
};

function simple(rule: string, action: Action): Pick<Check, 'name' | 'rule' | 'act'> {
  return { name: toName(rule), rule, act: ({ mode }) => lowest(action, mode) };
}

/** `mirror-used` as CEL may call a variable: `mirrorUsed`. */
function toName(rule: string): string {
  return rule.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** The names of pull secrets in lines of their own, each valid or empty; and one that is too long. */
const SECRET_NAMES = String.raw`^\n(?:(?:${SUBDOMAIN_PATTERN.replaceAll(/^\^|\$$/g, '')})?\n)*$`;
const LONG_NAME = String.raw`[^\n]{${MAX_SUBDOMAIN + 1}}`;

/** Whether a name in `imagePullSecrets` is empty, or one that a Secret can have. */
export function isNameValid(name: Cel): Cel {
  return anyOf(`${name} == ''`, allOf(`size(${name}) <= ${MAX_SUBDOMAIN}`, matches(name, SUBDOMAIN_PATTERN)));
}

/** Of a Pod with none but exempt images nothing is said. */
function dropExempt({ exempt }: Policy): Cel {
  if (exempt.images.length === 0) return '';
  const isExempt = allOf(isReference('u.image'), bind('f', fullAddress('u.image'), isOfHosts(exempt.images, 'f')));
  return `.filter(u, !(${isExempt}))`;
}

function lowest(...actions: readonly Action[]): Action {
  return ACTIONS.find((action) => actions.includes(action)) ?? 'audit';
}

/** What will be fixed in the pods of a template is no reason to deny it. */
function actUnlessFixed({ action, fix }: ConfiguredRule): Check['act'] {
  return ({ mode, fixes, target }) => lowest(action, mode, target === 'templates' && fix && fixes ? 'warn' : 'deny');
}

/** What is said of a template whose pods will be fixed, and else. */
function chooseMessage({ fix }: ConfiguredRule, coming: Cel, wrong: Cel): Cel {
  return fix ? `!(${IS_POD}) && variables.fixes ? ${coming} : ${wrong}` : wrong;
}

function listMirrorChecks(configured: ConfiguredRule, policy: Policy): readonly Check[] {
  const { action } = configured;
  if (policy.mirrors.length === 0 || configured.options['verify'] === true) return [];
  const rule = 'mirror-used';
  const moved = `.filter(u, ${isPulled()} && ${mirrorOf('u.full')} != []).map(u, ${extend(nameMembers(policy).parsed, { moved: addressOnMirror('u.full') })})`;
  const comes = `'image comes from ' + m.from + '…, which has a mirror`;
  return [
    {
      name: toName(rule),
      rule,
      from: 'parsed',
      wrong: `${moved}.filter(u, u.moved != '')`,
      message: bind(
        'm',
        `${mirrorOf('u.full')}[0]`,
        chooseMessage(configured, `${comes}, so Pods get that of ' + m.to + '…'`, `${comes}: use ' + m.to + '…'`),
      ),
      act: actUnlessFixed(configured),
    },
    {
      name: 'mirrorTooLong',
      rule,
      from: 'parsed',
      wrong: `${moved}.filter(u, u.moved == '')`,
      message: `'image stays where it is, as its name on the mirror would be too long: shorten the path of the mirror'`,
      act: ({ mode }) => lowest(action, mode, 'warn'),
    },
  ];
}

function listSecretChecks(configured: ConfiguredRule, policy: Policy): readonly Check[] {
  if (!needsSecrets(policy)) return [];
  const { action } = configured;
  const rule = 'pull-secret-present';
  const moved = bind('b', addressOnMirror('u.full'), `b == '' ? u.full : b`);
  const final = mayMove(policy) ? `u.moves == 'true' && ${isPulled()} ? ${moved} : u.full` : 'u.full';
  const missing = [
    `.filter(u, ${isPulled()}).map(u, ${extend(['label', 'secrets'], { final })})`,
    `.map(u, ${extend(['label', 'secrets'], { secret: secretOfFinal(policy, 'u.final') })})`,
    `.filter(u, u.secret != '' && !${namesSecret('u.secrets', 'u.secret')})`,
  ].join('');
  const named = `'imagePullSecret "' + u.secret + '"`;
  const message = chooseMessage(
    configured,
    `'Pods get ' + ${named}'`,
    `${named} is missing: add it to imagePullSecrets'`,
  );
  const shared = { rule, from: 'pulled', message } as const;
  return [
    {
      ...shared,
      name: toName(rule),
      wrong: `${missing}.filter(u, ${NAMES_NONE})`,
      // The ServiceAccount of a template may give its pods the secret.
      act: (situation) =>
        lowest(actUnlessFixed(configured)(situation), situation.target === 'templates' ? 'warn' : 'deny'),
    },
    {
      ...shared,
      name: 'pullSecretBesideOthers',
      wrong: `${missing}.filter(u, !(${NAMES_NONE}))`,
      // What other pull secrets hold is not known here: one of them may serve the image.
      act: ({ mode }) => lowest(action, mode, 'warn'),
    },
  ];
}

export function needsSecrets({ registries }: Policy): boolean {
  return registries.some(({ pullSecret }) => pullSecret !== undefined);
}

/** No pull secret is named at all. */
const NAMES_NONE: Cel = String.raw`u.secrets.matches(r'^\n*$')`;

/** Whether images are replaced by those of a mirror, which is not asked for them. */
export function mayMove(policy: Policy): boolean {
  const mirror = findRule(policy, 'mirror-used');
  return mirror?.fix === true && mirror.options['verify'] !== true && policy.mirrors.length > 0;
}

/** Whether the images of a pod `p` of a template will be those of the mirror by the time that they are pulled. */
function movesLater(policy: Policy): Cel {
  const waived = isWaived(policy, 'mirror-used');
  return allOf(`!(${IS_POD})`, 'variables.fixes', ...(waived === undefined ? [] : [`!(${waived})`]));
}

/** The secret for an address that is pulled in the end, which the policy may exempt where it then is. */
export function secretOfFinal({ registries, exempt }: Policy, address: Cel): Cel {
  const secret = pullSecretOf(address, registries);
  return exempt.images.length === 0 ? secret : `${isOfHosts(exempt.images, address)} ? '' : ${secret}`;
}
