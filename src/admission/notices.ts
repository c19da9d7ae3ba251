import type { Admission } from './admit.ts';
import type { AdmissionRequest } from './review.ts';
import type { Finding } from '../engine/evaluate.ts';
import { describeFinding, nameSubject } from '../report/finding.ts';
import { findController, type Controller } from '../workload/kinds.ts';
import { formatFieldPath, readPath, readString } from '../text/json.ts';
import { escapeUnprintable } from '../text/quote.ts';

/** `late`: found when a registry answered, after the object was admitted; `failing`: nodes cannot pull for its Pods. */
type NoticeOutcome = 'denied' | 'fixed' | 'late' | 'failing';

/** What a notice is about, as an Event names it. `uid` is there only for what exists; `namespace` may be empty. */
export type InvolvedObject = Readonly<{
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  uid?: string;
}>;

/** What one rule did to one object; those that differ in nothing but the message are one Event. At most 1024 bytes of `message`, without credentials. */
export type Notice = Readonly<{ involved: InvolvedObject; outcome: NoticeOutcome; rule: string; message: string }>;

/**
 * What an admission reports: for each rule that denied or fixed the object, one notice. Warnings and notes are in the response
 * already, and a dry run changed nothing.
 */
export function readNotices(request: AdmissionRequest, { findings }: Pick<Admission, 'findings'>): readonly Notice[] {
  if (findings.length === 0 || request.dryRun) return NONE;
  const groups = groupFindings(findings, ({ action, fixed }) =>
    action === 'deny' ? 'denied' : fixed === 'now' ? 'fixed' : undefined,
  );
  return groups.size === 0 ? NONE : writeNotices(request, identify(request, 'requested'), groups);
}

/** What was found too late for the response, one notice per rule: it is reported nowhere else. */
export function readLateNotices(request: AdmissionRequest, findings: readonly Finding[]): readonly Notice[] {
  const groups = groupFindings(findings, () => 'late');
  return writeNotices(request, identify(request, 'admitted'), groups);
}

/** Why nodes cannot pull for the Pods of an owner: what to do stands whole, or not at all. */
export function writePullNotice(
  involved: InvolvedObject,
  { cause, what, remedy }: Readonly<{ cause: string; what: string; remedy: string }>,
): Notice {
  const said = cutToBytes(escapeUnprintable(what), MAX_MESSAGE_BYTES);
  const whole = `${said}. ${escapeUnprintable(remedy)}`;
  const message = Buffer.byteLength(whole) <= MAX_MESSAGE_BYTES ? whole : said;
  return { involved, outcome: 'failing', rule: cause, message };
}

/** The same for what is told of one object: for all the Pods of one owner. */
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

/** `requested`: the object may never exist as it is in the request; `admitted`: it is there. */
type Stage = 'requested' | 'admitted';

function identify(request: AdmissionRequest, stage: Stage): InvolvedObject {
  const owner = findController(request.object);
  return owner === undefined ? identifyObject(request, stage) : identifyOwner(owner, request);
}

/** Pods come and go by the hundred; their owner stays, and is where people look. */
function identifyOwner({ apiVersion, kind, name, uid }: Controller, request: AdmissionRequest): InvolvedObject {
  return { apiVersion, kind, namespace: namespaceOf(request), name, ...(uid !== '' && { uid }) };
}

function identifyObject(request: AdmissionRequest, stage: Stage): InvolvedObject {
  // The uid of an object that is created differs at each try, and belongs to nothing that exists until the object is admitted.
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
 * The object's name; `web-*` for a new one that is named from the prefix `web-`. `/mutate` sees no name yet and `/validate`
 * another one at each try, so it would never be the same object. With its asterisk it cannot be taken for another one, as
 * the prefix without its dash could: there may well be a pod `web`.
 */
function nameObject({ object, name }: AdmissionRequest, exists: boolean): string {
  const given = readString(object, 'metadata', 'name') || name;
  const prefix = readString(object, 'metadata', 'generateName');
  const isGenerated = prefix !== '' && (given === '' || (!exists && given.startsWith(prefix)));
  return isGenerated ? `${prefix}*` : given;
}

/** Kubernetes names nothing longer than this: what claims to be was sent by no API server. */
const LONGEST_NAME = 253;

function isNamed({ apiVersion, kind, namespace, name, uid = '' }: InvolvedObject): boolean {
  const texts = [apiVersion, kind, namespace, name, uid];
  return kind !== '' && name !== '' && texts.every((text) => text.length <= LONGEST_NAME);
}

/** As long as the `note` of the newer Event API may be, which some tools convert to. */
const MAX_MESSAGE_BYTES = 1024;

/** `spec.containers[0].image: "NGINX": repository name must be lowercase (reference-valid, and 2 more). Write …`. */
function describe(subject: string, finding: Finding, others: number): string {
  const end = others === 0 ? ` (${finding.rule})` : ` (${finding.rule}, and ${others} more)`;
  const text = `${subject}${formatFieldPath(finding.at)}: ${describeFinding(finding)}`;
  const said = `${cutToBytes(text, MAX_MESSAGE_BYTES - Buffer.byteLength(end))}${end}`;
  if (finding.fixed !== 'no') return said;
  // A remedy may end in a command, and one that is cut is worse than none.
  const whole = `${said}. ${escapeUnprintable(finding.remedy)}`;
  return Buffer.byteLength(whole) <= MAX_MESSAGE_BYTES ? whole : said;
}

function cutToBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  const start = bytes.subarray(0, limit - Buffer.byteLength('…')).toString();
  // A character that was cut through reads as U+FFFD.
  return `${start.replace(/\uFFFD$/, '')}…`;
}

/** Some objects leave their namespace to the request, and some requests to the object. */
function namespaceOf({ object, namespace }: AdmissionRequest): string {
  return namespace || readString(object, 'metadata', 'namespace');
}
