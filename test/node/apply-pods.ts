import { setTimeout as wait } from 'node:timers/promises';
import { callApi, type ApiResponse } from '../e2e/api.ts';
import type { ControlPlane } from '../e2e/control-plane.ts';
import { hangs, type Case, type PodSpec } from './generate.ts';
import { readOutcome, type ObservedPod, type Outcome } from './outcome.ts';
import { SWR } from './registries.ts';

/** One with pullguard, and one that it leaves alone, where a denied Pod shows what would have become of it. */
export const CHECKED = 'checked';
export const BYPASSED = 'bypassed';

/** Where a pull hangs, nothing comes after this time; all else has a result sooner or later, however busy the machine is. */
const HANGS_SECONDS = 30;
const MOST_SECONDS = 120;
const POLL_MS = 400;

/** What was said of a Pod as it was applied, and what the node made of it. */
export type Result = Readonly<{
  of: Case;
  denial: string | undefined;
  /** Without the notices. */
  warnings: readonly string[];
  notices: readonly string[];
  outcome: Outcome;
}>;

/** Applies Pods one after the other, and waits for all of them at once. */
export class PodApplier {
  readonly #controlPlane: ControlPlane;
  #pods: ReadonlyMap<string, ObservedPod> = new Map();
  #isOver = false;
  /** The last admission, as people apply one thing after the other; a crowd on two cores would have all wait. */
  #admitted: Promise<unknown> = Promise.resolve();

  constructor(controlPlane: ControlPlane) {
    this.#controlPlane = controlPlane;
  }

  /** Looks at all Pods again and again, until told to stop. */
  async observe(): Promise<void> {
    while (!this.#isOver) {
      const { body } = await callApi(this.#controlPlane, 'GET', '/api/v1/pods?resourceVersion=0');
      const { items } = body as { items: readonly ObservedPod[] };
      this.#pods = new Map(items.map((pod) => [`${pod.metadata.namespace}/${pod.metadata.name}`, pod]));
      await wait(POLL_MS);
    }
  }

  stop(): void {
    this.#isOver = true;
  }

  /** @throws Error for what is no result, such as an API server that refuses a Pod for a reason of its own. */
  async apply(each: Case): Promise<Result> {
    const said = await this.#submit(each, CHECKED);
    const denial = said.status === 201 || said.status === 200 ? undefined : messageOf(said);
    if (denial !== undefined && !/admission webhook .* denied the request/.test(denial)) throw new Error(denial);
    const where = denial === undefined ? CHECKED : BYPASSED;
    if (denial !== undefined) {
      const done = await this.#submit({ ...each, spec: addGivenSecret(each) }, BYPASSED);
      if (done.status > 201) throw new Error(messageOf(done));
    }
    const before = each.update === undefined ? undefined : this.#containerOf(where, each.name);
    const outcome = await this.#awaitOutcome(where, each, before);
    await Promise.all([this.#delete(CHECKED, each.name), this.#delete(BYPASSED, each.name)]);
    const isNotice = (text: string): boolean => text.startsWith('notice: ');
    return {
      of: each,
      denial,
      warnings: said.warnings.filter((text) => !isNotice(text)),
      notices: said.warnings.filter(isNotice),
      outcome,
    };
  }

  /** Creates a Pod or, of one that is to be updated, has it run and updates it: the answer is the one that counts. */
  async #submit(each: Case, namespace: string): Promise<ApiResponse> {
    const { name, spec, update } = each;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const created = await this.#inTurn(async () => callApi(this.#controlPlane, 'POST', path, makePod(each)));
    if (update === undefined) return created;
    if (created.status !== 201) throw new Error(messageOf(created));
    const first = await this.#awaitOutcome(namespace, each);
    if (!first.ran) throw new Error(`the image to be replaced was not pulled: ${first.message}`);
    const containers = spec.containers.map((container) => ({ ...container, image: update }));
    return this.#inTurn(async () => callApi(this.#controlPlane, 'PATCH', `${path}/${name}`, { spec: { containers } }));
  }

  async #inTurn<T>(admit: () => Promise<T>): Promise<T> {
    const answered = this.#admitted.then(admit);
    this.#admitted = answered.catch(() => undefined);
    return answered;
  }

  #containerOf(namespace: string, name: string): string | undefined {
    return this.#pods.get(`${namespace}/${name}`)?.status.containerStatuses?.[0]?.containerID;
  }

  async #awaitOutcome(namespace: string, each: Case, before?: string): Promise<Outcome> {
    const { name } = each;
    const end = Date.now() + (hangs(each) ? HANGS_SECONDS : MOST_SECONDS) * 1000;
    while (Date.now() < end) {
      await wait(POLL_MS);
      const pod = this.#pods.get(`${namespace}/${name}`);
      const outcome = pod === undefined ? undefined : readOutcome(pod, before);
      if (outcome !== undefined) return outcome;
    }
    return { ran: false, reason: 'Undecided', message: await this.#lastEvent(namespace, name) };
  }

  /** kubelet tells of some failures by an Event alone, and of none where a registry hangs. */
  async #lastEvent(namespace: string, name: string): Promise<string> {
    const query = `fieldSelector=involvedObject.name%3D${name},type%3DWarning`;
    const { body } = await callApi(this.#controlPlane, 'GET', `/api/v1/namespaces/${namespace}/events?${query}`);
    const { items } = body as { items: readonly { message: string; source: { component?: string } }[] };
    const message = items.findLast(({ source }) => source.component === 'kubelet')?.message;
    return message ?? 'still pulling when the time was over';
  }

  async #delete(namespace: string, name: string): Promise<void> {
    await callApi(this.#controlPlane, 'DELETE', `/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`);
  }
}

function makePod({ name, spec, update }: Case): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      // What is pulled is what counts: no network, no token, no second try of what has ended.
      hostNetwork: true,
      automountServiceAccountToken: false,
      restartPolicy: update === undefined ? 'Never' : 'Always',
      terminationGracePeriodSeconds: 0,
      ...spec,
    },
  };
}

/** As pullguard would have given it: a denied Pod must not fail for want of what it would have had. */
function addGivenSecret({ spec }: Case): PodSpec {
  const { imagePullSecrets = [], containers, initContainers = [] } = spec;
  if (![...containers, ...initContainers].some(({ image }) => image.startsWith(`${SWR}/`))) return spec;
  if (spec.serviceAccountName !== undefined && imagePullSecrets.length === 0) return spec;
  return { ...spec, imagePullSecrets: [...imagePullSecrets, { name: 'default-secret' }] };
}

function messageOf({ status, body }: ApiResponse): string {
  const { message } = body as { message?: string };
  return message ?? `HTTP ${status}`;
}
