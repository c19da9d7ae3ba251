import type { Admission } from './admit.ts';
import type { AdmissionRequest } from './review.ts';
import type { Finding } from '../engine/evaluate.ts';
import { describeFinding, nameSubject } from '../report/finding.ts';
import { findController, type Controller } from '../workload/kinds.ts';
import { formatFieldPath, readPath, readString } from '../text/json.ts';
import { escapeUnprintable } from '../text/quote.ts';

/**
 * `late`: found when a registry answered after the object was admitted; `failing`: nodes cannot pull for its Pods; `kept`: its
 * Pods are not fixed any more, as they are recreated because of that.
 */
type NoticeOutcome = 'denied' | 'fixed' | 'late' | 'failing' | 'kept';

/** The object of an Event. `uid` is only set for existing objects; `namespace` may be empty. */
export type InvolvedObject = Readonly<{
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  uid?: string;
}>;

/**
 * What one rule did to one object. Notices that differ only in the message become one Event. `message` has at most 1024 bytes,
 * and no credentials.
 */
export type Notice = Readonly<{ involved: InvolvedObject; outcome: NoticeOutcome; rule: string; message: string }>;

/**
 * The notices of an admission: one for each rule that denied or fixed the object. Warnings are already in the response, and a dry
 * run changes nothing.
 */
export function readNotices(request: AdmissionRequest, { findings }: Pick<Admission, 'findings'>): readonly Notice[] {
  if (findings.length === 0 || request.dryRun) return NONE;
  const groups = groupFindings(findings, ({ action, fixed }) =>
    action === 'deny' ? 'denied' : fixed === 'now' ? 'fixed' : undefined,
  );
  return groups.size === 0 ? NONE : writeNotices(request, identify(request, 'requested'), groups);
}

/** Findings that came too late for the response, one notice per rule: they are reported nowhere else. */
export function readLateNotices(request: AdmissionRequest, findings: readonly Finding[]): readonly Notice[] {
  const groups = groupFindings(findings, () => 'late');
  return writeNotices(request, identify(request, 'admitted'), groups);
}

/** Why nodes cannot pull for the Pods of an owner. The remedy is included as a whole, or not at all. */
export function writePullNotice(
  involved: InvolvedObject,
  { cause, what, remedy }: Readonly<{ cause: string; what: string; remedy: string }>,
): Notice {
  return { involved, outcome: 'failing', rule: cause, message: joinRemedy(what, remedy) };
}

/** Why the Pods of an owner are not fixed any more. */
export function writeLoopNotice(
  request: AdmissionRequest,
  { rule, what, remedy }: Readonly<{ rule: string; what: string; remedy: string }>,
): readonly Notice[] {
  const involved = identify(request, 'requested');
  return isNamed(involved) ? [{ involved, outcome: 'kept', rule, message: joinRemedy(what, remedy) }] : NONE;
}

/** A remedy may end in a command, and a command that is cut off is worse than none. */
function joinRemedy(what: string, remedy: string): string {
  const said = cutToBytes(escapeUnprintable(what), MAX_MESSAGE_BYTES);
  const whole = `${said}. ${escapeUnprintable(remedy)}`;
  return Buffer.byteLength(whole) <= MAX_MESSAGE_BYTES ? whole : said;
}

/** A key for the subject of notices: equal for all Pods of one owner. */
export function keyOfSubject(request: AdmissionRequest): string {
  const { apiVersion, kind, namespace, name } = identify(request, 'admitted');
  return JSON.stringify([namespace, apiVersion, kind, name]);
}

function writeNotices(
  request: AdmissionRequest,
  involved: InvolvedObject,
  groups: ReadonlyMap<string, Group>,
): readonly Notice[] {
  if (!isNamed(involved)) return NONE;
  const owner = findController(request.object);
  return [...groups.values()].map(({ outcome, rule, first, others }) => {
    const subject = owner === undefined ? '' : `${nameSubject({ workload: first.workload })}: `;
    return { involved, outcome, rule, message: describe(subject, first, others) };
  });
}

const NONE: readonly Notice[] = [];

type Group = { outcome: NoticeOutcome; rule: string; first: Finding; others: number };

function groupFindings(
  findings: readonly Finding[],
  nameOutcome: (finding: Finding) => NoticeOutcome | undefined,
): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>();
  for (const finding of findings) {
    const outcome = nameOutcome(finding);
    if (outcome === undefined) continue;
    const { rule } = finding;
    const group = groups.get(`${outcome} ${rule}`);
    if (group === undefined) groups.set(`${outcome} ${rule}`, { outcome, rule, first: finding, others: 0 });
    else group.others++;
  }
  return groups;
}

/** `requested`: the object may never exist as in the request; `admitted`: it exists. */
type Stage = 'requested' | 'admitted';

function identify(request: AdmissionRequest, stage: Stage): InvolvedObject {
  const owner = findController(request.object);
  return owner === undefined ? identifyObject(request, stage) : identifyOwner(owner, request);
}

/** Pods are short-lived and many; their owner stays, and users look there. */
function identifyOwner({ apiVersion, kind, name, uid }: Controller, request: AdmissionRequest): InvolvedObject {
  return { apiVersion, kind, namespace: namespaceOf(request), name, ...(uid !== '' && { uid }) };
}

function identifyObject(request: AdmissionRequest, stage: Stage): InvolvedObject {
  // A new object's uid differs for each attempt, and belongs to nothing until the object is admitted.
  const exists = stage === 'admitted' || request.operation !== 'CREATE';
  return {
    apiVersion: readString(request.object, 'apiVersion'),
    kind: request.kind.kind,
    namespace: namespaceOf(request),
    name: nameObject(request, exists),
    ...(exists && readUid(readPath(request.object, 'metadata'))),
  };
}

function readUid(holder: unknown): Readonly<{ uid?: string }> {
  const uid = readString(holder, 'uid');
  return uid === '' ? {} : { uid };
}

/**
 * The object's name; `web-*` for a new one with `generateName: web-`. `/mutate` sees no name yet, and `/validate` another one for
 * each attempt, so Events would never be about the same object. With the asterisk it cannot be the name of another object, such
 * as a Pod `web`.
 */
function nameObject({ object, name }: AdmissionRequest, exists: boolean): string {
  const given = readString(object, 'metadata', 'name') || name;
  const prefix = readString(object, 'metadata', 'generateName');
  const isGenerated = prefix !== '' && (given === '' || (!exists && given.startsWith(prefix)));
  return isGenerated ? `${prefix}*` : given;
}

/** The longest name in Kubernetes: longer ones are not from an API server. */
const LONGEST_NAME = 253;

function isNamed({ apiVersion, kind, namespace, name, uid = '' }: InvolvedObject): boolean {
  const texts = [apiVersion, kind, namespace, name, uid];
  return kind !== '' && name !== '' && texts.every((text) => text.length <= LONGEST_NAME);
}

/** The limit of `note` in the newer Event API, which some tools convert Events to. */
const MAX_MESSAGE_BYTES = 1024;

/** `spec.containers[0].image: "NGINX": repository name must be lowercase (reference-valid, and 2 more). Write …`. */
function describe(subject: string, finding: Finding, others: number): string {
  const end = others === 0 ? ` (${finding.rule})` : ` (${finding.rule}, and ${others} more)`;
  const text = escapeUnprintable(`${subject}${formatFieldPath(finding.at)}: ${describeFinding(finding)}`);
  const said = `${cutToBytes(text, MAX_MESSAGE_BYTES - Buffer.byteLength(end))}${end}`;
  return finding.fixed === 'no' ? joinRemedy(said, finding.remedy) : said;
}

function cutToBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  const start = bytes.subarray(0, limit - Buffer.byteLength('…')).toString();
  // A character that was cut in two is decoded as U+FFFD.
  return `${start.replace(/\uFFFD$/, '')}…`;
}

/** The namespace may be in the request only, or in the object only. */
function namespaceOf({ object, namespace }: AdmissionRequest): string {
  return namespace || readString(object, 'metadata', 'namespace');
}
