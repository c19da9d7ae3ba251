import type { Logger } from 'pino';
import type { ApiServer } from '../cluster/connection/api-server.ts';
import { keepApplied, type KeptPolicies } from '../cluster/native/keep-applied.ts';
import type { Policy } from '../engine/rule.ts';
import { exportAdmissionPolicies, KUBERNETES_MINORS, mutatingVersion } from '../export/admission-policies.ts';
import { keepBesideWebhook, NAMES_BESIDE_WEBHOOK } from '../export/beside-webhook.ts';
import { ExportError } from '../export/size.ts';

type NativeOptions = Readonly<{
  api: ApiServer;
  /** Name of the ClusterRole that owns the policies. */
  owner: string;
  policy: () => Policy;
  isLeader: () => boolean;
  logger: Logger;
  onError: (problem: string) => void;
}>;

/** Keeps what the API server can do of the policy by itself in the cluster, as a second line beside the webhook. */
export function keepNativePolicies({ policy, logger, ...options }: NativeOptions): KeptPolicies {
  const { api, onError } = options;
  let logged = '';
  return keepApplied({
    ...options,
    names: NAMES_BESIDE_WEBHOOK,
    want: (mutating) => {
      const minor = KUBERNETES_MINORS.find((each) => mutatingVersion(each) === mutating) ?? KUBERNETES_MINORS[0];
      try {
        const { objects, unsaid } = exportAdmissionPolicies(policy(), minor);
        const text = JSON.stringify(unsaid);
        if (text !== logged) logger.info({ notExported: unsaid }, 'what native policies leave to the webhook');
        logged = text;
        return keepBesideWebhook(objects, api.namespace);
      } catch (error) {
        if (!(error instanceof ExportError)) throw error;
        // Those of an earlier policy may deny what this one allows.
        onError(`there are no native policies now: ${error.message}`);
        return [];
      }
    },
    onInfo: (change) => {
      logger.info({ change }, 'native policies');
    },
  });
}
