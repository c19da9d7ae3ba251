import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { readLateNotices, readNotices } from '../admission/notices.ts';
import { createEventRecorder } from '../cluster/events/events.ts';
import type { SecretsMode } from '../cluster/facts/fact-collections.ts';
import { watchFacts } from '../cluster/facts/watch-facts.ts';
import { createKeyringReader } from '../cluster/facts/read-keyring.ts';
import type { ManagedCertificate } from '../cluster/certificates/managed-certificate.ts';
import type { ApiServer } from '../cluster/connection/api-server.ts';
import type { ReadKeyring } from '../pull/keyring.ts';
import type { CertificateSource } from '../tls/source.ts';
import type { Policy } from '../engine/rule.ts';
import { listPullSecrets } from '../policy/policy.ts';
import type { Metrics } from './metrics.ts';
import type { ServerSettings } from './start-server.ts';

export type ClusterOptions = Readonly<{
  secrets: SecretsMode;
  watchNodes: boolean;
  /** Name of the Secret with the certificates to manage; undefined leaves certificates to somebody else. */
  tlsSecret?: string;
  webhookConfiguration: string;
  service: string;
  dnsName: readonly string[];
  /** Milliseconds; the same for `certificateLife`. */
  caLife?: number;
  certificateLife?: number;
  /**
   * Whether the server lets none but API servers call, whatever they know. Only where they alone can have a review answered, for that
   * reason or as nobody else knows the path, are its words good enough for Events.
   */
  callersAreProven?: boolean;
}>;

/** What a server takes from a cluster, and gives it. */
export type JoinedCluster = Readonly<{
  url: string;
  settings: Pick<ServerSettings, 'facts' | 'now' | 'readiness' | 'onDecided' | 'late' | 'findEndpoint'>;
  /** Reads the pull secrets of pods whose images registries are asked about. */
  readKeyring: ReadKeyring;
  /** Undefined where somebody else makes the certificates. */
  certificate?: CertificateSource;
  onPolicyChange: () => void;
  close: () => Promise<void>;
}>;

type Surroundings = Readonly<{
  policy: () => Policy;
  metrics: Metrics;
  logger: Logger;
  /** Told of trouble that may pass. */
  reportTrouble: (about: 'certificate' | 'cluster', problem: string) => void;
}>;

/**
 * Joins a cluster: watches what rules ask for, writes Events, and manages certificates if it is to. Goes on in the background;
 * an API server that cannot be reached is waited for.
 */
export async function joinCluster(
  options: ClusterOptions,
  api: ApiServer,
  { policy, metrics, logger, reportTrouble }: Surroundings,
): Promise<JoinedCluster> {
  const onError = (problem: string): void => {
    reportTrouble('cluster', problem);
  };
  const names = (): readonly string[] => listPullSecrets(policy());
  const { secrets, watchNodes: nodes } = options;
  const facts = watchFacts({ api, secrets, pullSecretNames: names(), nodes, onError });
  void facts.synced.then(() => {
    logger.info({ facts: facts.ages().map(({ fact, objects }) => ({ fact, objects })) }, 'cluster known');
  });
  const events = createEventRecorder({
    api,
    onError,
    onResult: (result) => {
      metrics.events.inc({ result });
    },
  });
  const certificate = await manage(options, api, { logger, reportTrouble });
  const isProven = (): boolean => options.callersAreProven === true || certificate?.paths.areSecret() === true;
  metrics.measureCluster({ facts: facts.ages, isLeader: () => certificate?.isLeader() });
  return {
    url: api.url,
    settings: {
      facts: facts.current,
      onDecided: (request, admission) => {
        if (isProven()) events.record(() => readNotices(request, admission));
      },
      late: {
        isTelling: isProven,
        tell: (request, findings) => {
          if (isProven()) events.record(() => readLateNotices(request, findings));
        },
      },
      // What it makes is judged by the API server's clock; what others made, by this machine's as well.
      now: api.now,
      ...(certificate !== undefined && { readiness: certificate.readiness, findEndpoint: certificate.paths.find }),
    },
    readKeyring: createKeyringReader({ api, secrets, pullSecretNames: names }),
    ...(certificate !== undefined && { certificate }),
    onPolicyChange: () => {
      facts.setPullSecretNames(names());
    },
    close: async () => {
      facts.close();
      await Promise.all([events.close(), certificate?.close()]);
    },
  };
}

async function manage(
  { tlsSecret, webhookConfiguration, service, dnsName, caLife, certificateLife }: ClusterOptions,
  api: ApiServer,
  { logger, reportTrouble }: Pick<Surroundings, 'logger' | 'reportTrouble'>,
): Promise<ManagedCertificate | undefined> {
  if (tlsSecret === undefined) return undefined;
  // Loaded only here: what makes certificates is of no use to who is given them.
  const { manageCertificate } = await import('../cluster/certificates/managed-certificate.ts');
  const host = `${service}.${api.namespace}.svc`;
  return manageCertificate({
    api,
    namespace: api.namespace,
    secretName: tlsSecret,
    webhookConfigurationName: webhookConfiguration,
    service: { namespace: api.namespace, name: service },
    dnsNames: dnsName.length > 0 ? dnsName : [host, `${host}.cluster.local`],
    // In a pod the host name is the pod's; what follows tells this process from the one before it.
    identity: `${hostname()}_${randomBytes(4).toString('hex')}`,
    lives: {
      ...(caLife !== undefined && { authorityMs: caLife }),
      ...(certificateLife !== undefined && { servingMs: certificateLife }),
    },
    onError: (problem) => {
      reportTrouble('certificate', problem);
    },
    onInfo: (message) => {
      logger.info({ certificates: message }, 'certificates');
    },
  });
}
