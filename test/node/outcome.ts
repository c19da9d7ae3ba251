import type { CauseCode } from '../../src/cause/causes.ts';

/** What the node made of a Pod's images. */
export type Outcome =
  | Readonly<{ ran: true }>
  | Readonly<{
      ran: false;
      /** kubelet's reason: `ErrImagePull`. */
      reason: string;
      message: string;
    }>;

type State = Readonly<{
  waiting?: Readonly<{ reason?: string; message?: string }>;
  running?: object;
  terminated?: Readonly<{ reason?: string; message?: string }>;
}>;
type ContainerStatus = Readonly<{ name: string; containerID?: string; state: State }>;

/** A Pod as the API server has it, as much as is read here. */
export type ObservedPod = Readonly<{
  metadata: Readonly<{ name: string; namespace: string }>;
  spec: Readonly<{ containers: readonly object[] }>;
  status: Readonly<{
    phase?: string;
    reason?: string;
    message?: string;
    initContainerStatuses?: readonly ContainerStatus[];
    containerStatuses?: readonly ContainerStatus[];
  }>;
}>;

/** Of an image that was pulled and cannot be started: all that are in order here can be. */
const START_FAILURES = ['CreateContainerError', 'RunContainerError', 'StartError', 'ContainerCannotRun'];

const FAILURES = new Set([
  ...START_FAILURES,
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);

/** Undefined for as long as the node has not come to a result. `before`: the container of an image that was replaced. */
export function readOutcome({ spec, status }: ObservedPod, before?: string): Outcome | undefined {
  const main = status.containerStatuses ?? [];
  for (const { state } of [...(status.initContainerStatuses ?? []), ...main]) {
    const { reason = '', message = '' } = state.waiting ?? state.terminated ?? {};
    if (FAILURES.has(reason)) return { ran: false, reason, message };
  }
  const started = main.filter(
    ({ state, containerID }) => (state.running ?? state.terminated) !== undefined && containerID !== before,
  );
  return started.length === spec.containers.length ? { ran: true } : undefined;
}

/** Kinds of causes that kubelet's texts tell apart. */
export type CauseKind =
  | 'reference'
  | 'never'
  | 'credentials'
  | 'not-found'
  | 'platform'
  | 'no-image'
  | 'certificate'
  | 'no-host'
  | 'refused'
  | 'timeout'
  | 'limit'
  | 'broken'
  | 'other';

/** The first that fits: `not found` is in many texts that are about something else. */
const TEXTS: readonly (readonly [CauseKind, RegExp])[] = [
  ['certificate', /x509|certificate/],
  ['no-host', /no such host|server misbehaving/],
  ['refused', /connection refused/],
  ['timeout', /timeout|deadline exceeded|still pulling/i],
  ['limit', /429|toomanyrequests/i],
  [
    'no-image',
    /schema1|schema 1|no signatures|mismatched image rootfs|unsupported media type|unknown artifact|manifest\.v1/i,
  ],
  ['platform', /no match for platform|exec format error/],
  ['broken', /HTTP response to HTTPS client|50\d [A-Z]|stopped after 10 redirects|invalid character '<'|text\/html/],
  ['credentials', /unauthorized|40[013] |no basic auth|authorization failed|denied|credential|illegal base64/i],
  ['not-found', /not found|manifest unknown|repository name not known/i],
];

export function classify({ reason, message }: Extract<Outcome, { ran: false }>): CauseKind {
  if (reason === 'InvalidImageName') return 'reference';
  if (reason === 'ErrImageNeverPull') return 'never';
  return TEXTS.find(([, text]) => text.test(message))?.[0] ?? 'other';
}

/** The same kinds for what pullguard named: more than one where kubelet's text depends on what the registry says first. */
export function kindsOf({ rule, cause = '' }: Readonly<{ rule: string; cause?: string }>): readonly CauseKind[] {
  if (rule === 'reference-valid') return ['reference'];
  if (rule === 'image-on-node') return ['never'];
  const found = Object.hasOwn(KINDS, cause) ? KINDS[cause as CauseCode] : undefined;
  if (found !== undefined) return found;
  return rule.startsWith('pull-secret') || rule.startsWith('service-account') ? ['credentials'] : [];
}

/** Of the causes that an admission can name; the others are met on nodes alone. */
const KINDS: Readonly<Partial<Record<CauseCode, readonly CauseKind[]>>> = {
  'credentials-missing': ['credentials'],
  'anonymous-denied': ['credentials'],
  'credentials-refused': ['credentials'],
  'access-denied': ['credentials'],
  'token-denied': ['credentials'],
  'token-denied-anonymous': ['credentials'],
  'access-blocked': ['credentials'],
  'repository-not-found': ['not-found'],
  'image-not-found': ['not-found'],
  'web-page-not-found': ['not-found'],
  'schema-1': ['no-image'],
  'not-an-image': ['no-image'],
  'unknown-ca': ['certificate'],
  'certificate-expired': ['certificate'],
  'certificate-wrong-host': ['certificate'],
  'no-such-host': ['no-host'],
  'no-route': ['refused'],
  'connection-refused': ['refused'],
  'connection-reset': ['broken'],
  timeout: ['timeout'],
  'rate-limited': ['limit'],
  'no-tls': ['broken'],
  'server-error': ['broken'],
  'web-page': ['broken'],
  'broken-registry': ['broken'],
  'image-too-large': ['other'],
  'disk-full': ['other'],
  // An index may name a platform whose manifest is not there.
  'platform-missing': ['platform', 'not-found'],
};
