import { FAULTS } from './faults.ts';
import { END } from './images.ts';
import { PRELOADED, PRELOADED_IN_VAIN } from './node.ts';
import { HARBOR, PLAIN, PUBLIC, SWR, TOKENS, UNASKED, type Catalogue } from './registries.ts';
import { ACCOUNTS, GOOD_KINDS, listKinds, secretName, type LoginHost, type SecretKind } from './secrets.ts';

type Container = Readonly<{
  name: string;
  image: string;
  imagePullPolicy?: string;
  command?: readonly string[];
  restartPolicy?: string;
}>;

export type PodSpec = Readonly<{
  containers: readonly Container[];
  initContainers?: readonly Container[];
  imagePullSecrets?: readonly Readonly<{ name: string }>[];
  serviceAccountName?: string;
}>;

/** A Pod, and the image that its container `app` is given once it runs. */
export type Case = Readonly<{ name: string; spec: PodSpec; update?: string }>;

/** Those of which pullguard can find out that they want one. */
const ASKED_HOSTS: readonly LoginHost[] = [SWR, HARBOR, TOKENS];
const LOGIN_HOSTS: readonly LoginHost[] = [SWR, HARBOR, TOKENS, UNASKED];

/** Hosts where every pull fails, or at least is none of ours to foretell. */
const FAULTY = [
  ...Object.keys(FAULTS),
  'refused.example.com',
  'nowhere.example.com',
  'stranger.example.com',
  'expired.example.com',
  'other-name.example.com',
  'deaf.example.com',
  'no-tls.example.com:5000',
].map((host) => `${host}/team/app:1.0`);

/** Hosts that hold up a pull for as long as kubelet lets them. */
const HANGING_HOST = /^(?:silent|deaf)\./;

/** Whether a Pod waits until its time is over: there is nothing to hold up the others for. */
export function hangs({ spec }: Case): boolean {
  const { containers, imagePullSecrets = [] } = spec;
  return (
    containers.some(({ image }) => HANGING_HOST.test(image)) ||
    imagePullSecrets.some(({ name }) => name.endsWith('-malformed'))
  );
}

const MALFORMED = [
  'Public.example.com/Team/App:1.0',
  `https://${PUBLIC}/team/app:1.0`,
  `${PUBLIC}/team/app:1.0:latest`,
  `${PUBLIC}/team/app:`,
  `${PUBLIC}//team/app:1.0`,
  `${PUBLIC}/team/app@sha256:123`,
  `${PUBLIC}/team/app:-1`,
  `${PUBLIC}/team/app 1.0`,
  `${PUBLIC}/team/_app:1.0`,
  `${PUBLIC}/team/app:${'1'.repeat(129)}`,
  '{{ .Values.image }}',
  '$IMAGE',
];

/** Cases that each show one thing, then as many as are wanted that mix them; the same for the same seed. */
export function generateCases(
  catalogue: Catalogue,
  { count, seed }: Readonly<{ count: number; seed: number }>,
): readonly Case[] {
  const mixer = new Mixer(catalogue, seed);
  const cases = mixer.listSingles();
  const mixed = Array.from({ length: Math.max(0, count - cases.length) }, () => mixer.mix());
  // If not all, some of every sort.
  const singles = cases.filter(
    (_, at) => Math.floor((at * count) / cases.length) < Math.floor(((at + 1) * count) / cases.length),
  );
  const all = [...singles, ...mixed].map((each, at) => ({ ...each, name: `pod-${at + 1}` }));
  // Of a node that lists 50 images nobody knows whether it has others, so these come first.
  return all.toSorted((one, other) => Number(neverPulls(other)) - Number(neverPulls(one)));
}

function neverPulls({ spec: { containers, initContainers = [] } }: Case): boolean {
  return [...containers, ...initContainers].some(({ imagePullPolicy }) => imagePullPolicy === 'Never');
}

type Nameless = Omit<Case, 'name'>;

function podOf(image: string, settings: object = {}): PodSpec {
  return { containers: [{ name: 'app', image, command: END, ...settings }] };
}

function secretsFor(host: string, kinds: readonly SecretKind[]): Pick<PodSpec, 'imagePullSecrets'> {
  const at = LOGIN_HOSTS.find((each) => each === host);
  return at === undefined ? {} : { imagePullSecrets: kinds.map((kind) => ({ name: secretName(at, kind) })) };
}

/** Picks at random, though the same for the same seed. */
class Mixer {
  readonly #catalogue: Catalogue;
  readonly #used = new Map<string, number>();
  #state: number;

  constructor(catalogue: Catalogue, seed: number) {
    this.#catalogue = catalogue;
    this.#state = seed;
  }

  /** Every form of image with what its registry asks for, every secret with an image that is there, every account and policy. */
  listSingles(): readonly Nameless[] {
    const { good, bad } = this.#catalogue;
    const images = [
      ...Object.entries(bad),
      ...Object.keys(good).map(
        (host) => [host, [this.#catalogue.good[host]!.at(-1)!, ...[1, 2, 3, 4].map(() => this.#next(host))]] as const,
      ),
    ].flatMap(([host, all]) =>
      all.map((image): Nameless => ({ spec: { ...podOf(`${host}/${image}`), ...secretsFor(host, ['right']) } })),
    );
    const secrets = LOGIN_HOSTS.flatMap((host) =>
      listKinds(host, 'alone').map((kind): Nameless => ({
        spec: { ...podOf(this.#goodImage(host)), ...secretsFor(host, [kind]) },
      })),
    );
    const none = ASKED_HOSTS.map((host): Nameless => ({ spec: podOf(this.#goodImage(host)) }));
    const others = [...FAULTY, ...MALFORMED].map((image): Nameless => ({ spec: podOf(image) }));
    const policies = ['Always', 'IfNotPresent', 'Never'].flatMap((imagePullPolicy) =>
      [imagePullPolicy === 'Always' ? PRELOADED_IN_VAIN : PRELOADED, `${PUBLIC}/team/never:1.0`].map(
        (image): Nameless => ({ spec: podOf(image, { imagePullPolicy }) }),
      ),
    );
    const accounts = Object.keys(ACCOUNTS).map((serviceAccountName): Nameless => ({
      spec: { ...podOf(this.#goodImage(HARBOR)), serviceAccountName },
    }));
    return [...images, ...secrets, ...none, ...others, ...policies, ...accounts, ...this.#listCached()];
  }

  /** Images that another Pod has had pulled by now, with a secret of its own. */
  #listCached(): readonly Nameless[] {
    return ASKED_HOSTS.flatMap((host) =>
      ([[], ['wrong'], ['missing'], ['legacy']] as const).map((kinds): Nameless => ({
        spec: { ...podOf(`${host}/${this.#catalogue.good[host]!.at(-1)}`), ...secretsFor(host, kinds) },
      })),
    );
  }

  mix(): Nameless {
    return this.#chance(0.12) ? this.#makeUpdate() : { spec: this.#makeSpec() };
  }

  #makeUpdate(): Nameless {
    const image = this.#goodImage(PUBLIC);
    // Or an image without a tag would change the policy as well, which may not be changed.
    const app = { name: 'app', image, imagePullPolicy: 'IfNotPresent' };
    const update = this.#image();
    return { spec: { containers: [app], ...this.#secrets([update]) }, update };
  }

  #makeSpec(): PodSpec {
    const app = this.#image();
    const images = [app];
    const more = (): Pick<Container, 'image' | 'imagePullPolicy'> => {
      // Most that stand beside are in order, or hardly a Pod would run.
      const image = this.#chance(0.75) ? this.#goodImage(this.#pick([PUBLIC, PLAIN, PUBLIC, HARBOR])) : this.#image();
      images.push(image);
      return { image, ...this.#policy(image) };
    };
    const containers: Container[] = [{ name: 'app', image: app, command: END, ...this.#policy(app) }];
    const initContainers: Container[] = [];
    if (this.#chance(0.25)) initContainers.push({ name: 'init', command: END, ...more() });
    if (this.#chance(0.2)) initContainers.push({ name: 'sidecar', restartPolicy: 'Always', ...more() });
    if (this.#chance(0.2)) containers.push({ name: 'second', command: END, ...more() });
    return {
      containers,
      ...(initContainers.length > 0 && { initContainers }),
      ...this.#secrets(images),
      ...(this.#chance(0.25) && { serviceAccountName: this.#pick(Object.keys(ACCOUNTS)) }),
    };
  }

  #image(): string {
    const kind = this.#number();
    if (kind < 0.55) return this.#goodImage(this.#pick([...LOGIN_HOSTS, ...LOGIN_HOSTS, PUBLIC, PLAIN]));
    if (kind < 0.75) {
      const host = this.#pick(Object.keys(this.#catalogue.bad));
      return `${host}/${this.#pick(this.#catalogue.bad[host]!)}`;
    }
    if (kind < 0.9) return this.#pick(FAULTY.filter((image) => !HANGING_HOST.test(image)));
    return kind < 0.97 ? this.#pick(MALFORMED) : PRELOADED;
  }

  #goodImage(host: string): string {
    return `${host}/${this.#next(host)}`;
  }

  /** Another one each time, for as long as there are any. */
  #next(host: string): string {
    const at = this.#used.get(host) ?? 0;
    this.#used.set(host, at + 1);
    const images = this.#catalogue.good[host]!;
    return images[at % images.length]!;
  }

  #policy(image: string): Pick<Container, 'imagePullPolicy'> {
    if (this.#chance(0.6)) return {};
    const imagePullPolicy = this.#pick(['Always', 'Always', 'IfNotPresent', 'IfNotPresent', 'IfNotPresent', 'Never']);
    // Other Pods put charts on the node, where nothing is known of them.
    const isOdd = imagePullPolicy === 'Never' ? image.includes('/chart') : image === PRELOADED;
    return isOdd ? {} : { imagePullPolicy };
  }

  /** Those that the images need, right or wrong, beside some that they do not need. */
  #secrets(images: readonly string[]): Pick<PodSpec, 'imagePullSecrets'> {
    const hosts = LOGIN_HOSTS.filter((host) => images.some((image) => image.startsWith(`${host}/`)));
    const needed = hosts.flatMap((host) => {
      if (host !== UNASKED && this.#chance(0.15)) return [];
      const all = listKinds(host, 'mixed');
      const kinds = [this.#chance(0.65) ? this.#pick(GOOD_KINDS) : this.#pick(all)];
      if (this.#chance(0.25)) kinds.push(this.#pick(all));
      return kinds.map((kind) => secretName(host, kind));
    });
    if (this.#chance(0.1)) {
      const host = this.#pick(LOGIN_HOSTS);
      needed.unshift(secretName(host, this.#pick(listKinds(host, 'mixed'))));
    }
    return needed.length === 0 ? {} : { imagePullSecrets: [...new Set(needed)].map((name) => ({ name })) };
  }

  #chance(share: number): boolean {
    return this.#number() < share;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#number() * list.length)]!;
  }

  /** mulberry32 */
  #number(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
