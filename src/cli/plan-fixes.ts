import { checkObject } from '../admission/admit.ts';
import type { Finding } from '../engine/evaluate.ts';
import type { Policy } from '../engine/rule.ts';
import { matchHostPattern, toHostTarget, type HostPattern } from '../image/host-pattern.ts';
import { isOnlyReading } from '../image/suggest.ts';
import type { ManifestObject } from '../manifest/read-manifests.ts';
import { findPullSecret } from '../policy/policy.ts';
import type { Facts, ServiceAccount } from '../pull/facts.ts';
import { pullPolicyOf } from '../pull/pod-pull.ts';
import { imageFits } from '../rules/image-fits.ts';
import { isRecord, joinPointer, readPointer, splitPointer, type Pointer } from '../text/json.ts';
import { quote } from '../text/quote.ts';
import { findKind, groupOf, type WorkloadKind } from '../workload/kinds.ts';
import { readWorkloads, type ImageUse, type Workload } from '../workload/workload.ts';

/** What the fixes of manifests depend on. */
export type FixTerms = Readonly<{
  policy: Policy;
  facts: Facts;
  /** Findings that the report leaves out are not fixed either. */
  isHidden: (finding: Finding, manifest: ManifestObject) => boolean;
  /** Images whose name or tag a kustomization changes, by their names in its `images`. */
  replacedImages: ReadonlySet<string>;
  /** Large images, whose `imagePullPolicy: Always` becomes `IfNotPresent`; only the user knows which images are large. */
  large?: readonly HostPattern[];
}>;

/** A change of one object, and the findings that it fixes: another value, or pull secrets at the end of a pod spec's list. */
export type Change = Readonly<{ at: Pointer; findings: readonly [Finding, ...Finding[]] }> &
  (Readonly<{ op: 'set'; from: string; to: string }> | Readonly<{ op: 'append'; names: readonly string[] }>);

type NotFixed = Readonly<{ finding: Finding; why: string }>;

export type Plan = Readonly<{
  changes: readonly Change[];
  /** Findings that could be fixed, and what prevents it. */
  notFixed: readonly NotFixed[];
  /** The object as it is after the changes. */
  object: unknown;
}>;

/** How often an object is checked: a reference is corrected, then replaced by its mirror, which then needs its pull secret. */
const MOST_ROUNDS = 5;

/**
 * Plans all changes of an object that are certain to be right, round by round, until there are no more.
 *
 * @param blocked places that cannot be changed, and why
 */
export function planFixes(manifest: ManifestObject, terms: FixTerms, blocked: ReadonlyMap<Pointer, string>): Plan {
  const kind = findKind(terms.policy.kinds, groupOf(manifest.apiVersion), manifest.kind);
  const changes = new Map<Pointer, Change>();
  let notFixed: readonly NotFixed[] = [];
  let { object } = manifest;
  if (kind === undefined) return { changes: [], notFixed, object };
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const wished = listWishes({ ...manifest, object }, kind, terms);
    const why = (wish: Wish): string | undefined => ('why' in wish ? wish.why : blocked.get(wish.at));
    const wanted = wished.flatMap((wish) => ('why' in wish || blocked.has(wish.at) ? [] : [wish]));
    notFixed = wished
      .flatMap((wish) => wish.findings.map((finding) => ({ finding, why: why(wish) ?? '' })))
      .filter((one) => one.why !== '');
    // Pull secrets come after all changes of images, as these decide which ones are missing.
    const images = wanted.filter(({ op }) => op === 'set');
    const next = images.length > 0 ? images : wanted;
    if (next.length === 0) break;
    object = copy(object);
    for (const change of next) {
      apply(object, change);
      changes.set(change.at, join(changes.get(change.at), change));
    }
  }
  return { changes: [...changes.values()], notFixed, object };
}

/** A change, or why it is not made. */
type Wish = Change | Readonly<{ findings: readonly [Finding, ...Finding[]]; why: string }>;

function listWishes(manifest: ManifestObject, kind: WorkloadKind, terms: FixTerms): readonly Wish[] {
  const { policy, facts, isHidden, replacedImages } = terms;
  const { object } = manifest;
  const checked = checkObject('manifest', { object, kind, namespace: '', policy, facts, now: Date.now() });
  if (checked.exempt !== undefined) return [];
  const findings = checked.decision.findings.filter((finding) => !isHidden(finding, manifest));
  const images = findings.flatMap((finding): readonly Wish[] => {
    const { at, value: from } = finding;
    const to = findCertain(finding);
    if (to === undefined || from === undefined || readPointer(object, at) !== from) return [];
    const isReplaced = replacedImages.has(from.replace(/(?::[^/]*)?(?:@.*)?$/, ''));
    return [isReplaced ? { findings: [finding], why: REPLACED } : { op: 'set', at, from, to, findings: [finding] }];
  });
  const policies = listPullPolicies(object, kind, terms).filter(
    ({ findings: [finding] }) => !isHidden(finding, manifest),
  );
  return [...images, ...policies, ...listSecrets(findings, object, kind, terms)];
}

/** Each `Always` of an image that the user calls large. With a tag that moves it stays, as nodes would keep an old image. */
function listPullPolicies(object: unknown, kind: WorkloadKind, { large = [] }: FixTerms): readonly Wish[] {
  if (large.length === 0) return [];
  return readWorkloads(object, kind, '').flatMap((workload) =>
    workload.images.flatMap((use): readonly Wish[] => {
      const { parsed } = use;
      if (!parsed.ok || pullPolicyOf(use) !== 'Always') return [];
      const target = toHostTarget(parsed.reference);
      if (!large.some((pattern) => matchHostPattern(pattern, target))) return [];
      const { tag = 'latest', digest } = parsed.reference;
      if (digest === undefined && tag === 'latest')
        return [{ findings: [toLargeAlways(workload, use, use.pointer)], why: MOVES }];
      const at = joinPointer(use.pointer.slice(0, use.pointer.lastIndexOf('/')), 'imagePullPolicy');
      return [{ op: 'set', at, from: 'Always', to: 'IfNotPresent', findings: [toLargeAlways(workload, use, at)] }];
    }),
  );
}

const MOVES = 'with IfNotPresent nodes would keep an old image of the tag "latest": set a version tag first';

/** The finding that the rule reports if it knows the size of the image, which `check` does not. */
function toLargeAlways({ kind, name, namespace, podSpec }: Workload, { label }: ImageUse, at: Pointer): Finding {
  const { id: rule, remedy, faqItems } = imageFits;
  return {
    rule,
    messageId: 'large-always',
    at,
    label,
    value: 'Always',
    workload: { kind, name, namespace, podSpec },
    remedy,
    faqItems,
    action: 'warn',
    severity: 'warning',
    fixed: 'no',
    message: 'imagePullPolicy is Always: set imagePullPolicy: IfNotPresent',
  };
}

/** Not reported for a file of a kustomization that is rendered too, as the result of the rendering says more. */
export const REPLACED = 'a kustomization sets this image under images: change newName or newTag there';

/** The only reference that can have been meant, or the reference on the mirror. */
function findCertain({ rule, messageId, value = '', suggestion, replacement, fix }: Finding): string | undefined {
  if (rule === 'reference-valid' && messageId === 'malformed' && suggestion !== undefined) {
    return isOnlyReading(value, suggestion) ? suggestion : undefined;
  }
  return rule === 'mirror-used' && fix !== undefined ? replacement : undefined;
}

/** The pull secrets that the images of each pod spec need as written. Images that Pods get instead may need others. */
function listSecrets(
  findings: readonly Finding[],
  object: unknown,
  kind: WorkloadKind,
  { policy, facts }: FixTerms,
): readonly Wish[] {
  const missing = findings.filter(({ rule, fix }) => rule === 'pull-secret-present' && fix !== undefined);
  if (missing.length === 0) return [];
  return readWorkloads(object, kind, '').flatMap(
    ({ podSpec, namespace, serviceAccount, hasPullSecretList, images }): readonly Wish[] => {
      const written = new Set(
        images.flatMap(({ parsed, pullPolicy }) =>
          parsed.ok && pullPolicy !== 'Never' ? [findPullSecret(policy, parsed.reference)] : [],
        ),
      );
      const [first, ...others] = missing.filter(
        ({ workload, secret }) => workload.podSpec === podSpec && written.has(secret),
      );
      if (first === undefined) return [];
      const findings = [first, ...others] as const;
      const names = findings.flatMap(({ secret }) => secret ?? []);
      const account = facts.serviceAccounts?.find(namespace, serviceAccount);
      if (!hasPullSecretList && account === undefined) {
        const secrets = names.map((name) => quote(name)).join(' and ');
        const why = `imagePullSecrets replaces the list of ServiceAccount ${quote(serviceAccount)}, which is not in the input: add ${secrets} to that list, or pass the ServiceAccount's manifest as well`;
        return [{ findings, why }];
      }
      const kept = hasPullSecretList ? [] : listKept(account, names);
      return [{ op: 'append', at: podSpec, names: [...kept, ...names], findings }];
    },
  );
}

/** The pull secrets of a ServiceAccount, which have to be repeated, as a list in the pod spec replaces them. */
function listKept(account: ServiceAccount | undefined, names: readonly string[]): readonly string[] {
  return [...new Set(account?.pullSecrets.filter((name) => name !== '' && !names.includes(name)))];
}

/** A copy without shared values, which the aliases of YAML produce. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((entry) => copy(entry));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, copy(member)]));
}

function apply(object: unknown, change: Change): void {
  if (change.op === 'set') {
    setPointer(object, change.at, change.to);
    return;
  }
  const spec = readPointer(object, change.at);
  if (!isRecord(spec)) return;
  const list: unknown = spec['imagePullSecrets'];
  const added = change.names.map((name) => ({ name }));
  Object.assign(spec, { imagePullSecrets: [...(Array.isArray(list) ? (list as readonly unknown[]) : []), ...added] });
}

export function setPointer(object: unknown, at: Pointer, value: unknown): void {
  const segments = splitPointer(at);
  const parent = readPointer(object, joinPointer('', ...segments.slice(0, -1)));
  if (typeof parent === 'object' && parent !== null) Object.assign(parent, { [segments.at(-1) ?? '']: value });
}

function join(before: Change | undefined, change: Change): Change {
  if (before === undefined) return change;
  const findings = [...before.findings, ...change.findings] as const;
  if (before.op === 'set' && change.op === 'set') return { ...change, from: before.from, findings };
  if (before.op === 'append' && change.op === 'append')
    return { ...change, names: [...before.names, ...change.names], findings };
  return change;
}
