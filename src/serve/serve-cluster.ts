import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { readLateNotices, readNotices, type Notice } from '../admission/notices.ts';
import type { Admission } from '../admission/admit.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import { watchPulls, type WatchedPulls } from '../cluster/pulls/watch-pulls.ts';
import type { Facts, PullFacts } from '../pull/facts.ts';
import { memoizeByObject } from '../text/memoize.ts';
import { createEventRecorder } from '../cluster/events/events.ts';
import type { SecretsMode } from '../cluster/facts/fact-collections.ts';
import { watchFacts } from '../cluster/facts/watch-facts.ts';
import { createKeyringReader } from '../cluster/facts/read-keyring.ts';
import type { ManagedCertificate } from '../cluster/certificates/managed-certificate.ts';
import { isInCluster, type ApiServer } from '../cluster/connection/api-server.ts';
import type { ConnectOptions } from '../cluster/connection/connect.ts';
import type { ReadKeyring } from '../pull/keyring.ts';
import type { CertificateSource } from '../tls/source.ts';
import type { Policy } from '../engine/rule.ts';
import { listPullSecrets } from '../policy/policy.ts';
import type { Metrics } from './metrics.ts';
import type { ServerSettings } from './start-server.ts';

export type ClusterOptions = Readonly<{
  secrets: SecretsMode;
  watchNodes: boolean;
  /** Whether Events of pulls are watched. */
  watchPulls: boolean;
  /** Name of the ClusterRole that owns the native policies; undefined if pullguard does not manage them. */
  nativePolicies?: string;
  /** Name of the Secret with the certificates to manage; undefined if pullguard does not manage them. */
  tlsSecret?: string;
  webhookConfiguration: string;
  service: string;
  dnsName: readonly string[];
  /** Milliseconds; the same for `certificateLife`. */
  caLife?: number;
  certificateLife?: number;
  /**
   * Whether client certificates restrict callers to API servers. Events are only written about reviews that an API server sent
   * for certain: for that reason, or because the path is secret.
   */
  callersAreProven?: boolean;
}> &
  Pick<ConnectOptions, 'kubeconfig'>;

/** The connection of the server to a cluster. */
export type JoinedCluster = Readonly<{
  url: string;
  settings: Pick<ServerSettings, 'facts' | 'now' | 'readiness' | 'onDecided' | 'late' | 'findEndpoint'>;
  /** Reads the pull secrets of Pods, to ask registries about their images. */
  readKeyring: ReadKeyring;
  /** Undefined if pullguard does not manage the certificates. */
  certificate?: CertificateSource;
  /** The name by which API servers call the Service in front of this Pod; undefined outside of a cluster. */
  serviceHost?: string;
  onPolicyChange: () => void;
  /** Writes notices as Events, if the calls are proven to be from an API server. */
  record: (notices: readonly Notice[]) => void;
  close: () => Promise<void>;
}>;

type Surroundings = Readonly<{
  policy: () => Policy;
  metrics: Metrics;
  logger: Logger;
  /** Called for problems that may go away by themselves. */
  reportProblem: (about: 'certificate' | 'cluster', problem: string) => void;
  /** Called when names of objects do not fit each other, for example after an incomplete rename. */
  reportMisfit: (problem: string) => void;
}>;

/**
 * Joins a cluster: watches the facts that rules need, writes Events, and manages certificates if so configured. Runs in the
 * background, and retries while the API server cannot be reached.
 */
export async function joinCluster(
  options: ClusterOptions,
  api: ApiServer,
  { policy, metrics, logger, reportProblem, reportMisfit }: Surroundings,
): Promise<JoinedCluster> {
  const onError = (problem: string): void => {
    reportProblem('cluster', problem);
  };
  const names = (): readonly string[] => listPullSecrets(policy());
  const { secrets, watchNodes: nodes, nativePolicies: owner } = options;
  const facts = watchFacts({ api, secrets, pullSecretNames: names(), nodes, onError });
  void facts.synced.then(() => {
    logger.info({ facts: facts.ages().map(({ fact, objects }) => ({ fact, objects })) }, 'cluster state loaded');
  });
  const events = createEventRecorder({
    api,
    onError,
    onResult: (result) => {
      metrics.events.inc({ result });
    },
  });
  const certificate = await manage(options, api, { logger, reportProblem, reportMisfit });
  const isProven = (): boolean => options.callersAreProven === true || certificate?.paths.areSecret() === true;
  // Without managed certificates there is no leader, and each replica does all of it.
  const isLeading = (): boolean => certificate?.isLeader() !== false;
  const pulls = options.watchPulls
    ? watchPulls({
        api,
        onError,
        isWriting: isLeading,
        record: events.record,
        onFailure: ({ cause, faqItem }) => {
          metrics.pullFailures.inc({ cause, faq_item: faqItem ?? 'none' });
        },
        onFirstFailure: ({ wasForetold }) => {
          metrics.pullsForetold.inc({ foretold: String(wasForetold) });
        },
        onDelay: (seconds) => {
          metrics.pullFailureDelay.observe(seconds);
        },
      })
    : undefined;
  const native =
    owner === undefined
      ? undefined
      : (await import('../cluster/native-policies.ts')).keepNativePolicies({
          api,
          owner,
          policy,
          isLeader: isLeading,
          logger,
          onError,
        });
  const currentFacts = pulls === undefined ? facts.current : addPulls(facts.current, pulls.facts);
  metrics.measure({
    facts: facts.ages,
    isLeader: () => certificate?.isLeader(),
    ...(pulls !== undefined && { waitingPods: pulls.countWaiting }),
  });
  return {
    url: api.url,
    settings: {
      facts: currentFacts,
      onDecided: (request, admission) => {
        if (pulls !== undefined) foretell(pulls, request, admission);
        if (isProven()) events.record(() => readNotices(request, admission));
      },
      late: {
        isTelling: isProven,
        tell: (request, findings) => {
          if (isProven()) events.record(() => readLateNotices(request, findings));
        },
      },
      // The clock of the API server, as the managed certificates are issued by it.
      now: api.now,
      ...(certificate !== undefined && { readiness: certificate.readiness, findEndpoint: certificate.paths.find }),
    },
    readKeyring: createKeyringReader({ api, secrets, pullSecretNames: names }),
    ...(certificate !== undefined && { certificate }),
    ...(options.kubeconfig === undefined && isInCluster() && { serviceHost: hostOf(options.service, api) }),
    onPolicyChange: () => {
      facts.setPullSecretNames(names());
      native?.refresh();
    },
    record: (notices) => {
      if (isProven()) events.record(() => notices);
    },
    close: async () => {
      facts.close();
      pulls?.close();
      await Promise.all([events.close(), certificate?.close(), native?.close()]);
    },
  };
}

/** Adds the failed pulls to the facts; the result is the same object until the facts change. */
function addPulls(current: () => Facts, pulls: PullFacts): () => Facts {
  const add = memoizeByObject((facts: Facts): Facts => ({ ...facts, pulls }));
  return () => add(current());
}

/** Records images with errors or warnings, to count later whether a failed pull was foretold. */
function foretell(
  pulls: WatchedPulls,
  { namespace }: AdmissionRequest,
  { findings }: Pick<Admission, 'findings'>,
): void {
  for (const { severity, label, value } of findings) {
    if (severity !== 'notice' && label !== undefined && value !== undefined) pulls.foretell(namespace, value);
  }
}

async function manage(
  { tlsSecret, webhookConfiguration, service, dnsName, caLife, certificateLife }: ClusterOptions,
  api: ApiServer,
  { logger, reportProblem, reportMisfit }: Pick<Surroundings, 'logger' | 'reportProblem' | 'reportMisfit'>,
): Promise<ManagedCertificate | undefined> {
  if (tlsSecret === undefined) return undefined;
  // Loaded only here: not needed with certificates from files.
  const { manageCertificate } = await import('../cluster/certificates/managed-certificate.ts');
  const host = hostOf(service, api);
  return manageCertificate({
    api,
    namespace: api.namespace,
    secretName: tlsSecret,
    webhookConfigurationName: webhookConfiguration,
    service: { namespace: api.namespace, name: service },
    dnsNames: dnsName.length > 0 ? dnsName : [host, `${host}.cluster.local`],
    // In a Pod the host name is that of the Pod; the rest distinguishes this process from an earlier one.
    identity: `${hostname()}_${randomBytes(4).toString('hex')}`,
    lives: {
      ...(caLife !== undefined && { authorityMs: caLife }),
      ...(certificateLife !== undefined && { servingMs: certificateLife }),
    },
    onError: (problem) => {
      reportProblem('certificate', problem);
    },
    onInfo: (message) => {
      logger.info({ certificates: message }, 'certificates');
    },
    onMisfit: reportMisfit,
  });
}

function hostOf(service: string, { namespace }: Pick<ApiServer, 'namespace'>): string {
  return `${service}.${namespace}.svc`;
}
